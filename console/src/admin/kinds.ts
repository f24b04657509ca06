import { type ComponentType, lazy } from "react";
import type { Key } from "../i18n";
import type { Draft, Field, Input, OwnProps } from "../objects/fields";
import type { Kind } from "../objects/kinds";
import type { AdminKind } from "../objects/names";

const part = (
	name: "Actions" | "Computers" | "Conditions" | "Discover" | "Recipients" | "Scan" | "Script" | "Update",
) => lazy(async () => ({ default: (await import("./TaskParts"))[name] as ComponentType<OwnProps> }));
const Computers = part("Computers");
const Rights = lazy(() => import("./Rights"));
const Schedule = lazy(() => import("./Schedule"));
const TaskRuns = lazy(() => import("./TaskRuns"));
const KeySecret = lazy(() => import("./KeySecret"));
const Lockout = lazy(() => import("./Lockout"));

const field = (name: string, label: Key, input: Input, more: Partial<Field> = {}): Field => ({
	name,
	label,
	input,
	...more,
});
const text = (max = 254, mono = false): Input => ({ type: "text", max, mono });
const onOff: Input = { type: "switch" };
const choice = (words: string, ...choices: string[]): Input => ({ type: "choice", words, choices });
const is =
	(member: string, ...values: string[]) =>
	(o: Draft) =>
		values.includes(String(o[member]));

const name = field("name", "object.name", text(), { required: true });
const description = field("description", "common.description", { type: "area" });
const naming = { title: "object.naming" as const, fields: [name, description] };
const locale = field("locale", "user.locale", choice("locale", "en-US", "ja-JP"));
const role = field("roleID", "kind.roles.one", { type: "ref", kind: "roles" });
const zone = field("timeZone", "task.zone", { type: "zone" });
const reach: Field[] = [
	field("emailAddress", "user.email", text()),
	field("phoneNumber", "user.phone", text(60)),
	field("mobileNumber", "user.mobile", text(60)),
];
const reports: Field[] = [
	field("reportPDFPasswordEnabled", "user.pdf", onOff),
	field("reportPDFPassword", "user.pdfPassword", { type: "secret" }, { when: is("reportPDFPasswordEnabled", "true") }),
];

/** Each type of task with what its parameters are; types whose work this manager has not are not offered. */
const tasks: { type: string; member?: string; control?: Extract<Input, { type: "own" }>["control"] }[] = [
	{ type: "scan-for-malware", member: "scanForMalwareTaskParameters", control: part("Scan") },
	{ type: "scan-for-integrity-changes", member: "scanForIntegrityChangesTaskParameters", control: Computers },
	{ type: "scan-for-recommendations", member: "scanForRecommendationsTaskParameters", control: Computers },
	{ type: "scan-for-open-ports", member: "scanForOpenPortsTaskParameters", control: Computers },
	{ type: "send-policy", member: "sendPolicyTaskParameters", control: Computers },
	{ type: "check-for-security-updates", member: "checkForSecurityUpdatesTaskParameters", control: part("Update") },
	{ type: "send-alert-summary", member: "sendAlertSummaryTaskParameters", control: part("Recipients") },
	{ type: "discover-computers", member: "discoverComputersTaskParameters", control: part("Discover") },
	{ type: "run-script", member: "runScriptTaskParameters", control: part("Script") },
];
export const taskTypes = tasks.map((x) => x.type);

const facilities = [
	"kernel",
	"user",
	"mail",
	"daemon",
	"auth",
	"syslog",
	"lpr",
	"news",
	"uucp",
	"cron",
	"authpriv",
	"ftp",
	"local0",
	"local1",
	"local2",
	"local3",
	"local4",
	"local5",
	"local6",
	"local7",
];

const named = (path: AdminKind) =>
	({ path, title: `kind.${path}`, one: `kind.${path}.one`, about: `kind.${path}.about` }) as {
		path: string;
		title: Key;
		one: Key;
		about: Key;
	};

export const adminKindTable: Record<AdminKind, Kind> = {
	administrators: {
		...named("administrators"),
		list: "administrators",
		nameMember: "username",
		below: Lockout,
		groups: [
			{
				title: "user.who",
				half: true,
				fields: [
					field("username", "signIn.user", text(), { required: true }),
					field("fullName", "user.fullName", text()),
					description,
				],
			},
			{
				title: "user.signIn",
				half: true,
				fields: [
					role,
					field("password", "signIn.password", { type: "secret" }, { note: "user.passwordNote" }),
					field("active", "user.active", onOff),
					field("passwordNeverExpires", "user.neverExpires", onOff),
				],
			},
			{
				title: "user.reach",
				half: true,
				fields: [
					...reach,
					field("receiveNotifications", "user.notified", onOff, { note: "user.notifiedNote" }),
					...reports,
				],
			},
			{
				title: "user.shows",
				half: true,
				fields: [locale, zone, field("timeFormat", "user.timeFormat", choice("timeFormat", "24", "12"))],
			},
		],
		start: { username: "", description: "", fullName: "", roleID: 2, active: true, locale: "en-US", timeZone: "UTC" },
		columns: [
			{ name: "fullName", label: "user.fullName", width: 12 },
			{ name: "roleID", label: "kind.roles.one", width: 10 },
			{ name: "active", label: "user.active", width: 6 },
			{ name: "lastSignIn", label: "user.lastSignIn", width: 12 },
			{ name: "emailAddress", label: "user.email", width: 14 },
			{ name: "receiveNotifications", label: "user.notified", width: 8, extra: true },
		],
		uses: [],
	},
	roles: {
		...named("roles"),
		list: "roles",
		fixed: (o) => o.immutable === true,
		groups: [
			naming,
			{
				title: "role.ways",
				half: true,
				fields: [
					field("allowUserInterface", "role.console", onOff),
					field("allowWebService", "role.api", onOff),
					field("canOnlyManipulateUsersWithEqualOrLesserRights", "role.lesser", onOff),
				],
			},
			{
				title: "role.computers",
				half: true,
				fields: [
					field("allComputers", "role.allComputers", onOff),
					field(
						"computerGroupIDs",
						"role.groups",
						{ type: "refs", kind: "computergroups" },
						{ when: is("allComputers", "false", "undefined"), note: "role.groupsNote" },
					),
					field(
						"computerIDs",
						"nav.computers",
						{ type: "refs", kind: "computers" },
						{ when: is("allComputers", "false", "undefined") },
					),
				],
			},
			{
				title: "role.policies",
				half: true,
				fields: [
					field("allPolicies", "role.allPolicies", onOff),
					field(
						"policyIDs",
						"nav.policies",
						{ type: "refs", kind: "policies" },
						{ when: is("allPolicies", "false", "undefined") },
					),
				],
			},
			{ title: "role.rights", fields: [field("rights", "role.rights", { type: "own", control: Rights })] },
		],
		start: { name: "", description: "", allowUserInterface: true, allComputers: false, allPolicies: false, rights: {} },
		columns: [
			{ name: "allComputers", label: "role.allComputers", width: 8 },
			{ name: "allPolicies", label: "role.allPolicies", width: 8 },
			{ name: "allowUserInterface", label: "role.console", width: 8 },
			{ name: "allowWebService", label: "role.api", width: 8 },
			{ name: "description", label: "common.description", width: 16 },
		],
		uses: [
			{ kind: "administrators", members: ["roleID"] },
			{ kind: "contacts", members: ["roleID"] },
			{ kind: "apikeys", members: ["roleID"] },
		],
	},
	contacts: {
		...named("contacts"),
		list: "contacts",
		groups: [
			{ ...naming, half: true },
			{
				title: "user.reach",
				half: true,
				fields: [...reach, locale, { ...role, note: "contact.roleNote" }, ...reports],
			},
		],
		start: { name: "", description: "", emailAddress: "", locale: "en-US", roleID: 2 },
		columns: [
			{ name: "emailAddress", label: "user.email", width: 16 },
			{ name: "locale", label: "user.locale", width: 8 },
			{ name: "roleID", label: "kind.roles.one", width: 10 },
			{ name: "description", label: "common.description", width: 16 },
		],
		uses: [],
	},
	apikeys: {
		...named("apikeys"),
		list: "apiKeys",
		nameMember: "keyName",
		secret: "secretKey",
		below: KeySecret,
		groups: [
			{
				title: "object.naming",
				half: true,
				fields: [field("keyName", "object.name", text(), { required: true }), description],
			},
			{
				title: "user.signIn",
				half: true,
				fields: [
					role,
					field("active", "user.active", onOff),
					field("expiryDate", "key.expires", { type: "date" }, { note: "key.expiresNote" }),
				],
			},
		],
		start: { keyName: "", description: "", roleID: 2, active: true },
		columns: [
			{ name: "roleID", label: "kind.roles.one", width: 10 },
			{ name: "active", label: "user.active", width: 6 },
			{ name: "expiryDate", label: "key.expires", width: 12 },
			{ name: "lastSignIn", label: "key.lastUsed", width: 12 },
			{ name: "description", label: "common.description", width: 14 },
		],
		uses: [],
	},
	identityproviders: {
		...named("identityproviders"),
		list: "identityProviders",
		groups: [
			{
				title: "provider.who",
				fields: [
					field("name", "object.name", text(), { required: true, note: "provider.nameNote" }),
					field("enabled", "common.on", onOff),
					field("issuer", "provider.issuer", text(2000, true), { note: "provider.issuerNote" }),
					field("clientID", "provider.client", text(1000, true)),
					field("clientSecret", "provider.secret", { type: "secret" }),
					field("scopes", "provider.scopes", text(1000, true)),
					field("userClaim", "provider.claim", text(254, true), { note: "provider.claimNote" }),
					field("caCertificate", "provider.ca", { type: "area" }, { note: "provider.caNote" }),
				],
			},
		],
		start: {
			name: "",
			issuer: "",
			clientID: "",
			scopes: "openid profile email",
			userClaim: "preferred_username",
			enabled: true,
		},
		columns: [
			{ name: "issuer", label: "provider.issuer", width: 20 },
			{ name: "enabled", label: "common.on", width: 6 },
			{ name: "clientID", label: "provider.client", width: 12 },
		],
		uses: [],
	},
	scheduledtasks: {
		...named("scheduledtasks"),
		list: "scheduledTasks",
		below: TaskRuns,
		groups: [
			{
				title: "task.what",
				half: true,
				fields: [
					name,
					field("type", "task.type", choice("taskType", ...taskTypes)),
					field("enabled", "task.enabled", onOff, { note: "task.enabledNote" }),
					...tasks.flatMap((x) =>
						x.member && x.control
							? [field(x.member, "task.parameters", { type: "own", control: x.control }, { when: is("type", x.type) })]
							: [],
					),
				],
			},
			{
				title: "task.when",
				half: true,
				fields: [field("scheduleDetails", "task.when", { type: "own", control: Schedule })],
			},
		],
		start: {
			name: "",
			type: "scan-for-malware",
			enabled: true,
			scheduleDetails: {
				recurrenceType: "daily",
				timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC",
				dailyScheduleParameters: { frequencyType: "everyday" },
			},
			...Object.fromEntries(
				tasks
					.filter((x) => /^(scan|send-policy|check)/.test(x.type))
					.map((x) => [x.member, { computerFilter: { type: "all-computers" } }]),
			),
			sendAlertSummaryTaskParameters: { recipients: { allAdministratorsAndContacts: true } },
		},
		columns: [
			{ name: "type", label: "task.type", width: 14 },
			{ name: "enabled", label: "task.enabled", width: 6 },
			{ name: "nextRunTime", label: "task.next", width: 12 },
			{ name: "lastRunTime", label: "task.last", width: 12 },
			{ name: "lastRun", label: "task.outcome", width: 10 },
		],
		uses: [],
	},
	eventbasedtasks: {
		...named("eventbasedtasks"),
		list: "eventBasedTasks",
		groups: [
			{
				title: "task.what",
				fields: [
					name,
					field(
						"type",
						"task.trigger",
						choice("taskTrigger", "agent-initiated-activation", "agent-ip-changed", "computer-created-by-system"),
					),
					field("enabled", "task.enabled", onOff),
				],
			},
			{
				title: "task.conditions",
				half: true,
				fields: [field("conditions", "task.conditions", { type: "own", control: part("Conditions") })],
			},
			{
				title: "task.actions",
				half: true,
				fields: [field("actions", "task.actions", { type: "own", control: part("Actions") })],
			},
		],
		start: {
			name: "",
			type: "agent-initiated-activation",
			enabled: true,
			conditions: [{ field: "hostname", value: ".*" }],
			actions: [{ type: "assign-policy", parameterValue: 1 }],
		},
		columns: [
			{ name: "type", label: "task.trigger", width: 16 },
			{ name: "enabled", label: "task.enabled", width: 6 },
			{ name: "lastRunTime", label: "task.last", width: 12 },
		],
		uses: [],
	},
	syslogconfigurations: {
		...named("syslogconfigurations"),
		list: "syslogConfigurations",
		groups: [
			{ ...naming, half: true },
			{
				title: "syslog.server",
				half: true,
				fields: [
					field("server", "syslog.host", text(254, true), { required: true }),
					field("port", "rule.port", { type: "number", min: 1, max: 65535 }),
					field("protocol", "syslog.transport", choice("syslogTransport", "udp", "tcp", "tls")),
					field(
						"caCertificate",
						"provider.ca",
						{ type: "area" },
						{ when: is("protocol", "tls"), note: "provider.caNote" },
					),
					field("certificate", "syslog.certificate", { type: "area" }, { when: is("protocol", "tls") }),
					field("privateKey", "syslog.key", { type: "secret" }, { when: is("protocol", "tls") }),
				],
			},
			{
				title: "syslog.format",
				half: true,
				fields: [
					field("eventFormat", "syslog.format", choice("syslogFormat", "cef", "leef", "json", "basic")),
					field("facility", "syslog.facility", choice("", ...facilities)),
					field("logSourceIdentifier", "syslog.source", text(254, true), { note: "syslog.sourceNote" }),
					zone,
				],
			},
		],
		start: {
			name: "",
			description: "",
			server: "",
			port: 514,
			protocol: "udp",
			eventFormat: "cef",
			facility: "local0",
			timeZone: "UTC",
		},
		columns: [
			{ name: "server", label: "syslog.host", width: 14 },
			{ name: "port", label: "rule.port", width: 5 },
			{ name: "protocol", label: "syslog.transport", width: 6 },
			{ name: "eventFormat", label: "syslog.format", width: 8 },
			{ name: "description", label: "common.description", width: 14 },
		],
		uses: [],
		settings: [
			"antiMalwareSettingSyslogConfigId",
			"firewallSettingSyslogConfigId",
			"intrusionPreventionSettingSyslogConfigId",
			"integrityMonitoringSettingSyslogConfigId",
			"logInspectionSettingSyslogConfigId",
		],
	},
	webhooks: {
		...named("webhooks"),
		list: "webHooks",
		groups: [
			{ ...naming, half: true },
			{
				title: "hook.where",
				half: true,
				fields: [
					field("url", "hook.url", text(2000, true), { required: true, note: "hook.urlNote" }),
					field("enabled", "common.on", onOff),
					field("authorization", "hook.authorization", { type: "secret" }, { note: "hook.authorizationNote" }),
					field("caCertificate", "provider.ca", { type: "area" }, { note: "provider.caNote" }),
				],
			},
		],
		start: { name: "", description: "", url: "", enabled: true },
		columns: [
			{ name: "url", label: "hook.url", width: 24 },
			{ name: "enabled", label: "common.on", width: 6 },
			{ name: "description", label: "common.description", width: 14 },
		],
		uses: [],
	},
};
