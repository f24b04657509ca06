import type { Draft, Field } from "./fields";
import type { Kind } from "./kinds";

const is = (member: string, value: string) => (o: Draft) => o[member] === value;
const onOff = (name: string, label: Field["label"], note?: Field["note"]): Field => ({
	name,
	label,
	note,
	input: { type: "switch" },
});
const severities = ["critical", "high", "medium", "low"] as const;

/** What a policy or computer may have otherwise than the rule says. */
export const overridable: Field[] = [
	onOff("detectOnly", "ipsRule.detectOnly", "ipsRule.detectOnlyNote"),
	{
		name: "priority",
		label: "rule.priority",
		input: { type: "choice", words: "priority", choices: ["highest", "high", "normal", "low", "lowest"] },
	},
	onOff("eventLoggingDisabled", "rule.logDisabled"),
	onOff("generateEventOnPacketDrop", "ipsRule.eachDrop"),
	onOff("alwaysIncludePacketData", "rule.packetData", "rule.packetDataNote"),
	onOff("alertEnabled", "rule.alert"),
	{ name: "scheduleID", label: "object.schedule", input: { type: "ref", kind: "schedules" } },
	{ name: "contextID", label: "object.context", input: { type: "ref", kind: "contexts" } },
];

const between = is("template", "start-end-patterns");

/** A rule of Intrusion Prevention: own ones after one of three templates, others came with an update. */
export const intrusionPreventionRule: Kind = {
	path: "intrusionpreventionrules",
	list: "intrusionPreventionRules",
	title: "kind.intrusionpreventionrules",
	one: "kind.intrusionpreventionrules.one",
	about: "kind.intrusionpreventionrules.about",
	groups: [
		{
			title: "object.naming",
			half: true,
			fields: [
				{ name: "name", label: "object.name", input: { type: "text", max: 254 }, required: true },
				{ name: "description", label: "common.description", input: { type: "area" } },
				{
					name: "severity",
					label: "events.severity",
					input: { type: "choice", words: "ruleSeverity", choices: severities },
				},
				{
					name: "CVE",
					label: "ipsRule.cve",
					note: "ipsRule.cveNote",
					input: { type: "lines", example: "CVE-2021-44228" },
				},
			],
		},
		{
			title: "rule.connections",
			half: true,
			fields: [
				{
					name: "applicationTypeID",
					label: "kind.applicationtypes.one",
					note: "ipsRule.typeNote",
					input: { type: "ref", kind: "applicationtypes" },
				},
				...overridable.filter((f) => f.name !== "detectOnly" && f.input.type === "choice"),
				onOff("detectOnly", "ipsRule.detectOnly", "ipsRule.detectOnlyNote"),
			],
		},
		{
			title: "ipsRule.text",
			fields: [
				{
					name: "template",
					label: "ipsRule.template",
					note: "ipsRule.templateNote",
					input: { type: "choice", words: "template", choices: ["signature", "start-end-patterns", "custom"] },
				},
				{
					name: "signature",
					label: "ipsRule.signature",
					note: "ipsRule.patternNote",
					input: { type: "text", mono: true },
					when: is("template", "signature"),
				},
				{
					name: "start",
					label: "ipsRule.start",
					note: "ipsRule.patternNote",
					input: { type: "text", mono: true },
					when: between,
				},
				{ name: "patterns", label: "ipsRule.patterns", input: { type: "lines", example: "cmd.exe" }, when: between },
				{
					name: "condition",
					label: "ipsRule.condition",
					input: { type: "choice", words: "condition", choices: ["all", "any", "none"] },
					when: between,
				},
				{ name: "end", label: "ipsRule.end", input: { type: "text", mono: true }, when: between },
				{ ...onOff("caseSensitive", "ipsRule.case"), when: (o) => o.template !== "custom" },
				{
					name: "action",
					label: "rule.action",
					input: { type: "choice", words: "ipsAction", choices: ["drop", "log-only"] },
					when: (o) => o.template !== "custom",
				},
				{
					name: "customXML",
					label: "ipsRule.code",
					note: "ipsRule.codeNote",
					input: { type: "code" },
					when: is("template", "custom"),
				},
			],
		},
		{
			title: "rule.events",
			half: true,
			fields: overridable.filter((f) => f.input.type === "switch" && f.name !== "detectOnly"),
		},
		{ title: "rule.whenWhere", half: true, fields: overridable.filter((f) => f.input.type === "ref") },
	],
	start: {
		name: "",
		description: "",
		severity: "medium",
		priority: "normal",
		template: "signature",
		condition: "all",
		action: "drop",
		caseSensitive: false,
		CVE: [],
	},
	columns: [
		{ name: "severity", label: "events.severity", width: 6 },
		{ name: "applicationTypeID", label: "kind.applicationtypes.one", width: 11 },
		{ name: "CVE", label: "ipsRule.cve", width: 10 },
		{ name: "mode", label: "ipsRule.mode", width: 7 },
		{ name: "identifier", label: "ipsRule.identifier", width: 6 },
		{ name: "type", label: "ipsRule.type", width: 7, extra: true },
		{ name: "CVSSScore", label: "ipsRule.cvss", width: 5, extra: true },
		{ name: "priority", label: "rule.priority", width: 6, extra: true },
		{ name: "description", label: "common.description", width: 14, extra: true },
		{ name: "lastUpdated", label: "ipsRule.updated", width: 12, extra: true },
	],
	uses: [{ kind: "intrusionpreventionrules", members: ["dependsOnRuleIDs"] }],
	assigned: { member: "intrusionPrevention", in: "ruleIDs" },
	shipped: (o) => typeof o.identifier === "string" && o.identifier !== "",
};
