import type { ComponentType } from "react";
import { adminKindTable } from "../admin/kinds";
import type { Key } from "../i18n";
import type { Draft, Field, Group, Input } from "./fields";
import { integrityMonitoringRule } from "./integrity";
import { intrusionPreventionRule } from "./intrusion";
import type { KindName } from "./names";

/** An object of a collection as the API shows it. */
export interface Item extends Draft {
	ID: number;
	name: string;
	description: string;
}

/** What names objects of a kind: in which members. */
export interface Use {
	kind: KindName;
	members: readonly string[];
}

export interface ColumnOf {
	/** A member of the object, or a column of its own (objects/words.ts). */
	name: string;
	label: Key;
	width: number;
	extra?: boolean;
}

export interface Kind {
	/** Below /api/; of interface types: what follows the policy. */
	path: string;
	list: string;
	title: Key;
	one: Key;
	about: Key;
	groups: Group[];
	start: Draft;
	columns: ColumnOf[];
	/** Objects that name one of these; one that is named cannot be deleted. */
	uses: Use[];
	/** The module whose policies and computers it is assigned in, and the member there. */
	assigned?: { member: "firewall" | "intrusionPrevention" | "integrityMonitoring"; in: string };
	/** Policies' and computers' settings that name one. */
	settings?: readonly string[];
	/** They belong to a policy each. */
	ofPolicy?: boolean;
	/** The member that is its name, where that is not "name". */
	nameMember?: string;
	/** What stands below the form of one that exists. */
	below?: ComponentType<{ object: Item }>;
	/** A member that a new one is answered with once and never again. */
	secret?: string;
	/** Cannot be deleted. */
	fixed?: (o: Item) => boolean;
	/** Came with an update: shown, copied, overridden, never changed. */
	shipped?: (o: Item) => boolean;
}

const name: Field = { name: "name", label: "object.name", input: { type: "text", max: 254 }, required: true };
const description: Field = { name: "description", label: "common.description", input: { type: "area" } };
const naming: Group = { title: "object.naming", fields: [name, description] };
const onOff = (n: string, label: Key, note?: Key): Field => ({ name: n, label, note, input: { type: "switch" } });
const choice = (words: string, ...choices: string[]): Input => ({ type: "choice", words, choices });
const lines = (example: string): Input => ({ type: "lines", example });
const is =
	(member: string, ...values: string[]) =>
	(o: Draft) =>
		values.includes(String(o[member]));

export const when: Field[] = [
	{
		name: "scheduleID",
		label: "object.schedule",
		note: "object.scheduleNote",
		input: { type: "ref", kind: "schedules" },
	},
	{ name: "contextID", label: "object.context", note: "object.contextNote", input: { type: "ref", kind: "contexts" } },
];

/* ---- firewall rules ---- */

const hasIp = (o: Draft) => !["arp", "revarp", "other"].includes(String(o.frameType));
const hasPorts = (o: Draft) =>
	hasIp(o) && ["tcp", "udp", "tcp-udp"].includes(String(o.protocol)) && o.protocolNot !== true;
const isIcmp = (o: Draft) => hasIp(o) && ["icmp", "icmpv6"].includes(String(o.protocol)) && o.protocolNot !== true;
const isTcp = (o: Draft) => hasIp(o) && o.protocol === "tcp" && o.protocolNot !== true;
const all =
	(...tests: ((o: Draft) => boolean)[]) =>
	(o: Draft) =>
		tests.every((t) => t(o));

function endpoint(side: "source" | "destination"): Field[] {
	const ip = (...types: string[]) => all(hasIp, is(`${side}IPType`, ...types));
	const notAny = (member: string) => (o: Draft) => String(o[member] ?? "any") !== "any";
	return [
		{
			name: `${side}IPType`,
			label: "rule.ip",
			input: choice("ipType", "any", "single", "masked-ip", "range", "multiple", "ip-list"),
			when: hasIp,
		},
		{
			name: `${side}IPValue`,
			label: "rule.ipValue",
			input: { type: "text", mono: true },
			when: ip("single", "masked-ip"),
		},
		{
			name: `${side}IPMask`,
			label: "rule.ipMask",
			note: "rule.ipMaskNote",
			input: { type: "text", mono: true },
			when: ip("masked-ip"),
		},
		{ name: `${side}IPRangeFrom`, label: "rule.ipFrom", input: { type: "text", mono: true }, when: ip("range") },
		{ name: `${side}IPRangeTo`, label: "rule.ipTo", input: { type: "text", mono: true }, when: ip("range") },
		{
			name: `${side}IPMultiple`,
			label: "rule.ipMultiple",
			note: "object.ipNote",
			input: lines("192.0.2.0/24"),
			when: ip("multiple"),
		},
		{
			name: `${side}IPListID`,
			label: "kind.iplists.one",
			input: { type: "ref", kind: "iplists" },
			when: ip("ip-list"),
		},
		{ ...onOff(`${side}IPNot`, "rule.notThese"), when: all(hasIp, notAny(`${side}IPType`)) },
		{
			name: `${side}PortType`,
			label: "rule.port",
			input: choice("portType", "any", "multiple", "port-list"),
			when: hasPorts,
		},
		{
			name: `${side}PortMultiple`,
			label: "rule.portMultiple",
			note: "object.portNote",
			input: lines("443"),
			when: all(hasPorts, is(`${side}PortType`, "multiple")),
		},
		{
			name: `${side}PortListID`,
			label: "kind.portlists.one",
			input: { type: "ref", kind: "portlists" },
			when: all(hasPorts, is(`${side}PortType`, "port-list")),
		},
		{ ...onOff(`${side}PortNot`, "rule.notThese"), when: all(hasPorts, notAny(`${side}PortType`)) },
		{
			name: `${side}MACType`,
			label: "rule.mac",
			note: "rule.macNote",
			input: choice("macType", "any", "single", "multiple", "mac-list"),
		},
		{
			name: `${side}MACValue`,
			label: "rule.macValue",
			input: { type: "text", mono: true },
			when: is(`${side}MACType`, "single"),
		},
		{
			name: `${side}MACMultiple`,
			label: "rule.macMultiple",
			note: "object.macNote",
			input: lines("00:00:5e:00:53:01"),
			when: is(`${side}MACType`, "multiple"),
		},
		{
			name: `${side}MACListID`,
			label: "kind.maclists.one",
			input: { type: "ref", kind: "maclists" },
			when: is(`${side}MACType`, "mac-list"),
		},
		{ ...onOff(`${side}MACNot`, "rule.notThese"), when: notAny(`${side}MACType`) },
	];
}

const logs = is("action", "deny", "log-only");

const firewallGroups: Group[] = [
	naming,
	{
		title: "rule.what",
		half: true,
		fields: [
			{
				name: "action",
				label: "rule.action",
				note: "rule.actionNote",
				input: choice("fwAction", "allow", "deny", "force-allow", "bypass", "log-only"),
			},
			{
				name: "priority",
				label: "rule.priority",
				note: "rule.priorityNote",
				input: choice("fwPriority", "4", "3", "2", "1", "0"),
				when: is("action", "deny", "force-allow", "bypass"),
			},
			{ name: "direction", label: "rule.direction", input: choice("direction", "incoming", "outgoing") },
		],
	},
	{
		title: "rule.packets",
		half: true,
		fields: [
			{
				name: "frameType",
				label: "rule.frame",
				input: choice("frame", "any", "ip", "ipv4", "ipv6", "arp", "revarp", "other"),
			},
			{
				name: "frameNumber",
				label: "rule.frameNumber",
				note: "rule.frameNumberNote",
				input: { type: "number", min: 0, max: 65535 },
				when: is("frameType", "other"),
			},
			{ ...onOff("frameNot", "rule.notThese"), when: (o) => o.frameType !== "any" },
			{
				name: "protocol",
				label: "rule.protocol",
				input: choice(
					"protocol",
					"any",
					"tcp",
					"udp",
					"tcp-udp",
					"icmp",
					"icmpv6",
					"igmp",
					"ggp",
					"pup",
					"idp",
					"nd",
					"raw",
					"other",
				),
				when: hasIp,
			},
			{
				name: "protocolNumber",
				label: "rule.protocolNumber",
				input: { type: "number", min: 0, max: 255 },
				when: all(hasIp, is("protocol", "other")),
			},
			{ ...onOff("protocolNot", "rule.notThese"), when: all(hasIp, (o) => o.protocol !== "any") },
			{ ...onOff("anyFlags", "rule.anyFlags"), when: isTcp },
			{
				name: "tcpflags",
				label: "rule.flags",
				note: "rule.flagsNote",
				input: { type: "flags", words: "flag", choices: ["syn", "ack", "fin", "rst", "psh", "urg"] },
				when: all(isTcp, (o) => o.anyFlags === false),
			},
			{ ...onOff("TCPNot", "rule.notFlags"), when: all(isTcp, (o) => o.anyFlags === false) },
			{
				name: "ICMPType",
				label: "rule.icmpType",
				note: "rule.icmpNote",
				input: { type: "number", min: 0, max: 255, none: -1 },
				when: isIcmp,
			},
			{
				name: "ICMPCode",
				label: "rule.icmpCode",
				input: { type: "number", min: 0, max: 255, none: -1 },
				when: all(isIcmp, (o) => Number(o.ICMPType ?? -1) >= 0),
			},
			{ ...onOff("ICMPNot", "rule.notThese"), when: all(isIcmp, (o) => Number(o.ICMPType ?? -1) >= 0) },
		],
	},
	{ title: "rule.source", half: true, fields: endpoint("source") },
	{ title: "rule.destination", half: true, fields: endpoint("destination") },
	{
		title: "rule.events",
		half: true,
		fields: [
			{ ...onOff("logDisabled", "rule.logDisabled"), when: logs },
			{ ...onOff("includePacketData", "rule.packetData", "rule.packetDataNote"), when: logs },
			{ ...onOff("alertEnabled", "rule.alert"), when: logs },
		],
	},
	{ title: "rule.whenWhere", half: true, fields: when },
];

const firewallStart: Draft = {
	name: "",
	description: "",
	action: "deny",
	priority: "0",
	direction: "incoming",
	frameType: "ip",
	frameNot: false,
	protocol: "any",
	protocolNot: false,
	anyFlags: true,
	TCPNot: false,
	ICMPNot: false,
	...Object.fromEntries(
		["source", "destination"].flatMap((s) =>
			["IP", "MAC", "Port"].flatMap((w) => [
				[`${s}${w}Type`, "any"],
				[`${s}${w}Not`, false],
			]),
		),
	),
};

/* ---- the others ---- */

function list(
	path: string,
	listKey: string,
	example: string,
	note: Key,
	uses: Use[],
	settings?: readonly string[],
): Kind {
	const names = { title: `kind.${path}`, one: `kind.${path}.one`, about: `kind.${path}.about` } as Record<
		"title" | "one" | "about",
		Key
	>;
	return {
		path,
		list: listKey,
		...names,
		groups: [
			naming,
			{ title: "object.items", fields: [{ name: "items", label: "object.items", note, input: lines(example) }] },
		],
		start: { name: "", description: "", items: [] },
		columns: [
			{ name: "items", label: "object.items", width: 20 },
			{ name: "description", label: "common.description", width: 16 },
		],
		uses,
		settings,
	};
}

const text: ColumnOf = { name: "description", label: "common.description", width: 14 };
const limit = (n: string, label: Key): Field => ({
	name: n,
	label,
	note: "stateful.limitNote",
	input: { type: "number", min: 0, max: 1000000 },
});

const kinds: Record<KindName, Kind> = {
	...adminKindTable,
	firewallrules: {
		path: "firewallrules",
		list: "firewallRules",
		title: "kind.firewallrules",
		one: "kind.firewallrules.one",
		about: "kind.firewallrules.about",
		groups: firewallGroups,
		start: firewallStart,
		columns: [
			{ name: "action", label: "rule.action", width: 8 },
			{ name: "priority", label: "rule.priority", width: 6 },
			{ name: "direction", label: "rule.direction", width: 6 },
			{ name: "protocol", label: "rule.protocol", width: 7 },
			{ name: "source", label: "rule.source", width: 11 },
			{ name: "destination", label: "rule.destination", width: 11 },
			{ ...text, extra: true },
			{ name: "frameType", label: "rule.frame", width: 7, extra: true },
			{ name: "scheduleID", label: "object.schedule", width: 9, extra: true },
			{ name: "contextID", label: "object.context", width: 9, extra: true },
		],
		uses: [],
		assigned: { member: "firewall", in: "ruleIDs" },
	},
	statefulconfigurations: {
		path: "statefulconfigurations",
		list: "statefulConfigurations",
		title: "kind.statefulconfigurations",
		one: "kind.statefulconfigurations.one",
		about: "kind.statefulconfigurations.about",
		groups: [
			naming,
			{
				title: "stateful.tcp",
				half: true,
				fields: [
					onOff("tcpstatefulInspectionEnabled", "stateful.inspect", "stateful.tcpNote"),
					{
						...onOff("tcpstatefulLoggingEnabled", "stateful.log"),
						when: (o) => o.tcpstatefulInspectionEnabled === true,
					},
					limit("maxIncomingConnections", "stateful.incoming"),
					limit("maxOutgoingConnections", "stateful.outgoing"),
					limit("maxHalfOpenConnections", "stateful.halfOpen"),
					onOff("denyPacketsContainingCwrOrEceEnabled", "stateful.cwr"),
				],
			},
			{
				title: "stateful.others",
				half: true,
				fields: [
					onOff("udpstatefulInspectionEnabled", "stateful.udp", "stateful.udpNote"),
					{
						...onOff("udpstatefulLoggingEnabled", "stateful.udpLog"),
						when: (o) => o.udpstatefulInspectionEnabled === true,
					},
					onOff("icmpstatefulInspectionEnabled", "stateful.icmp", "stateful.udpNote"),
					{
						...onOff("icmpstatefulLoggingEnabled", "stateful.icmpLog"),
						when: (o) => o.icmpstatefulInspectionEnabled === true,
					},
					onOff("denyFragmentedPacketsEnabled", "stateful.fragments"),
				],
			},
		],
		start: {
			name: "",
			description: "",
			tcpstatefulInspectionEnabled: true,
			udpstatefulInspectionEnabled: true,
			icmpstatefulInspectionEnabled: false,
			maxIncomingConnections: 0,
			maxOutgoingConnections: 0,
			maxHalfOpenConnections: 0,
		},
		columns: [
			{ name: "tcpstatefulInspectionEnabled", label: "stateful.tcp", width: 6 },
			{ name: "udpstatefulInspectionEnabled", label: "stateful.udpShort", width: 6 },
			{ name: "icmpstatefulInspectionEnabled", label: "stateful.icmpShort", width: 6 },
			{ name: "maxIncomingConnections", label: "stateful.incomingShort", width: 8 },
			{ name: "maxHalfOpenConnections", label: "stateful.halfOpenShort", width: 8 },
			text,
		],
		uses: [],
		assigned: { member: "firewall", in: "globalStatefulConfigurationID" },
	},
	iplists: list(
		"iplists",
		"ipLists",
		"192.0.2.0/24",
		"object.ipNote",
		[{ kind: "firewallrules", members: ["sourceIPListID", "destinationIPListID"] }],
		[
			"firewallSettingReconnaissanceExcludeIpListId",
			"firewallSettingReconnaissanceIncludeIpListId",
			"firewallSettingEventLogFileIgnoreSourceIpListId",
		],
	),
	maclists: list("maclists", "macLists", "00:00:5e:00:53:01", "object.macNote", [
		{ kind: "firewallrules", members: ["sourceMACListID", "destinationMACListID"] },
	]),
	portlists: list("portlists", "portLists", "8000-8100", "object.portNote", [
		{ kind: "firewallrules", members: ["sourcePortListID", "destinationPortListID"] },
		{ kind: "applicationtypes", members: ["portListID"] },
	]),
	interfacetypes: {
		path: "interfacetypes",
		list: "interfaceTypes",
		title: "kind.interfacetypes",
		one: "kind.interfacetypes.one",
		about: "kind.interfacetypes.about",
		groups: [
			naming,
			{
				title: "object.matches",
				fields: [{ name: "matches", label: "object.matches", note: "object.matchesNote", input: lines("eth*") }],
			},
		],
		start: { name: "", description: "", matches: [] },
		columns: [{ name: "matches", label: "object.matches", width: 20 }, text],
		uses: [],
		ofPolicy: true,
	},
	contexts: {
		path: "contexts",
		list: "contexts",
		title: "kind.contexts",
		one: "kind.contexts.one",
		about: "kind.contexts.about",
		groups: [
			naming,
			{
				title: "context.when",
				fields: [
					onOff("localConnectionsEnabled", "context.local"),
					onOff("remoteConnectionsEnabled", "context.remote"),
					onOff("noConnectionEnabled", "context.none"),
					onOff("noInternetEnabled", "context.noInternet"),
					onOff("restrictedInterfacesEnabled", "context.restricted", "context.restrictedNote"),
				],
			},
		],
		start: { name: "", description: "" },
		columns: [{ name: "context", label: "context.when", width: 20 }, text],
		uses: [
			{ kind: "firewallrules", members: ["contextID"] },
			{ kind: "intrusionpreventionrules", members: ["contextID"] },
		],
	},
	schedules: {
		path: "schedules",
		list: "schedules",
		title: "kind.schedules",
		one: "kind.schedules.one",
		about: "kind.schedules.about",
		groups: [
			naming,
			{
				title: "object.hours",
				fields: [{ name: "hoursOfWeek", label: "object.hours", note: "object.hoursNote", input: { type: "hours" } }],
			},
		],
		start: { name: "", description: "", hoursOfWeek: Array(168).fill(true) },
		columns: [{ name: "hoursOfWeek", label: "object.hours", width: 16 }, text],
		uses: [
			{ kind: "firewallrules", members: ["scheduleID"] },
			{ kind: "intrusionpreventionrules", members: ["scheduleID"] },
		],
	},
	intrusionpreventionrules: intrusionPreventionRule,
	integritymonitoringrules: integrityMonitoringRule,
	applicationtypes: {
		path: "applicationtypes",
		list: "applicationTypes",
		title: "kind.applicationtypes",
		one: "kind.applicationtypes.one",
		about: "kind.applicationtypes.about",
		groups: [
			naming,
			{
				title: "rule.connections",
				fields: [
					{ name: "direction", label: "rule.direction", input: choice("direction", "incoming", "outgoing") },
					{ name: "protocol", label: "rule.protocol", input: choice("protocol", "tcp", "udp", "tcp-udp", "icmp") },
					{
						name: "portType",
						label: "rule.port",
						input: choice("portType", "any", "multiple", "port-list"),
						when: (o) => o.protocol !== "icmp",
					},
					{
						name: "portMultiple",
						label: "rule.portMultiple",
						note: "object.portNote",
						input: lines("443"),
						when: all(is("portType", "multiple"), (o) => o.protocol !== "icmp"),
					},
					{
						name: "portListID",
						label: "kind.portlists.one",
						input: { type: "ref", kind: "portlists" },
						when: all(is("portType", "port-list"), (o) => o.protocol !== "icmp"),
					},
				],
			},
		],
		start: { name: "", description: "", direction: "incoming", protocol: "tcp", portType: "any" },
		columns: [
			{ name: "direction", label: "rule.direction", width: 7 },
			{ name: "protocol", label: "rule.protocol", width: 7 },
			{ name: "ports", label: "rule.port", width: 12 },
			text,
		],
		uses: [{ kind: "intrusionpreventionrules", members: ["applicationTypeID"] }],
	},
};

export const kindOf = (n: KindName): Kind => kinds[n];

/** The kinds whose objects a kind's fields name. */
export const refsOf = (kind: Kind): KindName[] => [
	...new Set(kind.groups.flatMap((g) => g.fields).flatMap((f) => (f.input.type === "ref" ? [f.input.kind] : []))),
];
