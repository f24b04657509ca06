/** The common objects, in the order of their tabs. */
export const kindNames = [
	"firewallrules",
	"statefulconfigurations",
	"interfacetypes",
	"intrusionpreventionrules",
	"applicationtypes",
	"iplists",
	"maclists",
	"portlists",
	"contexts",
	"schedules",
] as const;
export type KindName = (typeof kindNames)[number];
