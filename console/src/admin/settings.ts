import type { Key } from "../i18n";
import type { RefKind } from "./refs";

/* The system's settings (src/model/settings.def), as far as this manager obeys them. */

export type SystemRow = { name: string; label: Key; note?: Key } & (
	| { kind: "switch" }
	| { kind: "text"; mono?: boolean }
	| { kind: "area" }
	| { kind: "secret" }
	| { kind: "number"; min: number; max: number }
	| { kind: "choice"; values: readonly string[] }
	| { kind: "ref"; of: RefKind }
);
export interface SystemGroup {
	title: Key;
	rows: SystemRow[];
}

const p = (name: string) => `platformSetting${name}`;
const on = (name: string, label: Key, note?: Key): SystemRow => ({ name: p(name), label, note, kind: "switch" });
const choice = (name: string, label: Key, values: readonly string[]): SystemRow => ({
	name: p(name),
	label,
	kind: "choice",
	values,
});
const fw = (name: string, label: Key, note?: Key): SystemRow => ({
	name: `firewallSetting${name}`,
	label,
	note,
	kind: "text",
	mono: true,
});

export const settingTabs = ["agents", "notifications", "forwarding", "security", "network"] as const;
export type SettingTab = (typeof settingTabs)[number];

export const systemSettings: Record<SettingTab, SystemGroup[]> = {
	agents: [
		{
			title: "sys.activation",
			rows: [
				{
					name: p("AgentInitiatedActivationToken"),
					label: "sys.token",
					note: "sys.tokenNote",
					kind: "secret",
				},
			],
		},
	],
	notifications: [
		{
			title: "sys.mail",
			rows: [
				{ name: p("SmtpServerAddress"), label: "sys.mailServer", note: "sys.mailServerNote", kind: "text", mono: true },
				on("SmtpStartTlsEnabled", "sys.startTls"),
				{ name: p("SmtpFromEmailAddress"), label: "sys.mailFrom", kind: "text" },
				on("SmtpRequiresAuthenticationEnabled", "sys.mailAuth"),
				{ name: p("SmtpUsername"), label: "signIn.user", kind: "text" },
				{ name: p("SmtpPassword"), label: "signIn.password", kind: "secret" },
			],
		},
		{
			title: "sys.receivers",
			rows: [
				{ name: p("AlertDefaultEmailAddress"), label: "sys.mailDefault", note: "sys.mailDefaultNote", kind: "text" },
			],
		},
	],
	forwarding: [
		{
			title: "sys.systemEvents",
			rows: [
				{
					name: p("SyslogConfigId"),
					label: "kind.syslogconfigurations.one",
					note: "sys.syslogNote",
					kind: "ref",
					of: "syslogconfigurations",
				},
			],
		},
	],
	security: [
		{
			title: "sys.passwords",
			rows: [
				{ name: p("UserPasswordLengthMin"), label: "sys.length", kind: "number", min: 1, max: 100 },
				on("UserPasswordRequireLettersAndNumbersEnabled", "sys.lettersAndNumbers"),
				on("UserPasswordRequireMixedCaseEnabled", "sys.mixedCase"),
				on("UserPasswordRequireSpecialCharactersEnabled", "sys.special"),
				on("UserPasswordRequireNotSameAsUsernameEnabled", "sys.notName"),
				choice("UserPasswordExpiry", "sys.expiry", ["Never", "30 Days", "60 Days", "90 Days", "180 Days", "365 Days"]),
			],
		},
		{
			title: "sys.sessions",
			rows: [
				{ name: p("UserSignInAttemptsAllowedNumber"), label: "sys.attempts", kind: "number", min: 1, max: 100 },
				choice("UserSessionIdleTimeout", "sys.idle", [
					"5 Minutes",
					"10 Minutes",
					"15 Minutes",
					"20 Minutes",
					"30 Minutes",
					"45 Minutes",
					"1 Hour",
					"2 Hours",
					"4 Hours",
					"8 Hours",
					"Never",
				]),
				choice("UserSessionDurationMax", "sys.duration", [
					"No Limit",
					"1 Hour",
					"2 Hours",
					"4 Hours",
					"8 Hours",
					"12 Hours",
					"24 Hours",
					"1 Week",
				]),
				{ name: p("ActiveSessionsMax"), label: "sys.sessionsMax", kind: "number", min: 1, max: 1000 },
				choice("ActiveSessionsMaxExceededAction", "sys.sessionsMore", ["Block new sessions", "Expire oldest session"]),
			],
		},
	],
	network: [
		{
			title: "sys.contexts",
			rows: [
				fw("InternetConnectivityTestUrl", "sys.internetUrl", "sys.internetNote"),
				fw("InternetConnectivityTestExpectedContentRegex", "sys.expected"),
				fw("IntranetConnectivityTestUrl", "sys.intranetUrl"),
				fw("IntranetConnectivityTestExpectedContentRegex", "sys.expected"),
				fw("InternetConnectivityTestInterval", "sys.interval", "sys.intervalNote"),
			],
		},
		{
			title: "sys.firewall",
			rows: [
				{
					name: "firewallSettingGlobalStatefulConfigId",
					label: "kind.statefulconfigurations.one",
					note: "sys.statefulNote",
					kind: "ref",
					of: "statefulconfigurations",
				},
			],
		},
	],
};
