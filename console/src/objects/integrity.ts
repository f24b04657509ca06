import type { Draft, Field } from "./fields";
import type { Kind } from "./kinds";

const is = (value: string) => (o: Draft) => o.template === value;
const lines = (name: string, label: Field["label"], example: string, note?: Field["note"]): Field => ({
	name,
	label,
	note,
	input: { type: "lines", example },
});
const onOff = (name: string, label: Field["label"], note?: Field["note"]): Field => ({
	name,
	label,
	note,
	input: { type: "switch" },
});
const ofFile = (f: Field): Field => ({ ...f, when: is("file") });
const ofRegistry = (f: Field): Field => ({ ...f, when: is("registry") });

/** A rule of Integrity Monitoring: files below a folder, a registry key, or sets in XML. */
export const integrityMonitoringRule: Kind = {
	path: "integritymonitoringrules",
	list: "integrityMonitoringRules",
	title: "kind.integritymonitoringrules",
	one: "kind.integritymonitoringrules.one",
	about: "kind.integritymonitoringrules.about",
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
					input: { type: "choice", words: "ruleSeverity", choices: ["critical", "high", "medium", "low"] },
				},
			],
		},
		{
			title: "rule.events",
			half: true,
			fields: [
				onOff("realTimeMonitoringEnabled", "imRule.realTime", "imRule.realTimeNote"),
				onOff("alertEnabled", "rule.alert"),
			],
		},
		{
			title: "imRule.watched",
			fields: [
				{
					name: "template",
					label: "ipsRule.template",
					input: { type: "choice", words: "imTemplate", choices: ["file", "registry", "custom"] },
				},
				ofFile({
					name: "fileBaseDirectory",
					label: "imRule.base",
					note: "imRule.baseNote",
					input: { type: "text", mono: true, max: 4096 },
				}),
				ofFile(onOff("fileIncludeSubDirectories", "imRule.below")),
				ofFile(lines("fileIncludedValues", "imRule.include", "*.conf", "imRule.includeNote")),
				ofFile(lines("fileExcludedValues", "imRule.exclude", "*.log")),
				ofFile(lines("fileAttributes", "imRule.attributes", "STANDARD", "imRule.attributesNote")),
				ofRegistry({
					name: "registryKeyRoot",
					label: "imRule.root",
					note: "imRule.registryNote",
					input: { type: "text", mono: true, max: 100 },
				}),
				ofRegistry({ name: "registryKeyValue", label: "imRule.key", input: { type: "text", mono: true, max: 2000 } }),
				ofRegistry(onOff("registryIncludeSubKeys", "imRule.below")),
				ofRegistry(lines("registryIncludedValues", "imRule.include", "*")),
				ofRegistry(lines("registryExcludedValues", "imRule.exclude", "*")),
				ofRegistry(lines("registryAttributes", "imRule.attributes", "STANDARD")),
				{
					name: "customXML",
					label: "imRule.xml",
					note: "imRule.xmlNote",
					input: { type: "code" },
					when: is("custom"),
				},
			],
		},
	],
	start: {
		name: "",
		description: "",
		severity: "medium",
		template: "file",
		fileIncludeSubDirectories: false,
		realTimeMonitoringEnabled: true,
		alertEnabled: false,
	},
	columns: [
		{ name: "severity", label: "events.severity", width: 6 },
		{ name: "template", label: "ipsRule.template", width: 8 },
		{ name: "description", label: "common.description", width: 24 },
		{ name: "identifier", label: "ipsRule.identifier", width: 6 },
		{ name: "realTimeMonitoringEnabled", label: "imRule.realTime", width: 8, extra: true },
		{ name: "alertEnabled", label: "rule.alert", width: 8, extra: true },
	],
	uses: [],
	assigned: { member: "integrityMonitoring", in: "ruleIDs" },
	shipped: (o) => typeof o.identifier === "string" && o.identifier !== "",
};
