/** The common objects, in the order of their tabs. */
export const kindNames = [
	"firewallrules",
	"statefulconfigurations",
	"interfacetypes",
	"intrusionpreventionrules",
	"applicationtypes",
	"integritymonitoringrules",
	"iplists",
	"maclists",
	"portlists",
	"contexts",
	"schedules",
] as const;

/** What administrators manage besides, by the page whose tabs they are. */
export const adminKinds = {
	users: ["administrators", "roles", "contacts", "apikeys", "identityproviders"],
	tasks: ["scheduledtasks", "eventbasedtasks"],
	forwarding: ["syslogconfigurations", "webhooks"],
} as const;
export type Area = keyof typeof adminKinds;
export type AdminKind = (typeof adminKinds)[Area][number];
export type KindName = (typeof kindNames)[number] | AdminKind;

export const adminKindNames: readonly AdminKind[] = Object.values(adminKinds).flat();

/** The kinds whose tabs stand together. */
export const besides = (name: KindName): readonly KindName[] =>
	Object.values(adminKinds).find((kinds) => (kinds as readonly string[]).includes(name)) ?? kindNames;

export const areaOf = (name: KindName): Area | null =>
	(Object.keys(adminKinds) as Area[]).find((a) => (adminKinds[a] as readonly string[]).includes(name)) ?? null;
