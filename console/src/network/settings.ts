import type { Key } from "../i18n";
import type { SettingGroup, SettingRowOf } from "../inherit/Settings";

/* The Firewall's and the network engine's settings (src/model/settings.def), as far as agents obey them. */

const setting = (name: string) => `firewallSetting${name}`;
const on = (name: string, label: Key, note?: Key): SettingRowOf => ({
	name: setting(name),
	label,
	note,
	kind: "switch",
});
const words = (name: string, label: Key, part: string, values: string[], note?: Key): SettingRowOf => ({
	name: setting(name),
	label,
	note,
	kind: "words",
	words: part,
	values,
});
const option = (name: string) => `EngineOption${name}`;
const count = (name: string, label: Key, min: number, max: number, unit?: Key): SettingRowOf => ({
	name: setting(option(name)),
	label,
	kind: "number",
	min,
	max,
	unit,
});
/** "20 Seconds", "3 Hours": written as the API has it. */
const span = (name: string, label: Key): SettingRowOf => ({ name: setting(option(name)), label, kind: "text" });

export const general: SettingGroup[] = [
	{
		group: "fw.groupEngine",
		rows: [
			words("NetworkEngineMode", "fw.mode", "engineMode", ["Inline", "Tap"], "fw.modeNote"),
			words(
				"FailureResponseEngineSystem",
				"fw.failEngine",
				"failure",
				["Fail closed", "Fail open"],
				"fw.failEngineNote",
			),
			words(
				"FailureResponsePacketSanityCheck",
				"fw.failSanity",
				"failure",
				["Fail closed", "Fail open"],
				"fw.failSanityNote",
			),
			words("RulesetWhenStopped", "fw.stopped", "stopped", ["Leave", "Remove"], "fw.stoppedNote"),
			on("VirtualAndContainerNetworkScanEnabled", "fw.containers", "fw.containersNote"),
		],
	},
];

export const isolation: SettingGroup[] = [
	{
		group: "fw.groupIsolation",
		note: "fw.isolationNote",
		rows: [
			on("InterfaceIsolationEnabled", "fw.isolation"),
			{
				...on("InterfaceLimitOneActiveEnabled", "fw.oneInterface"),
				when: (v) => v(setting("InterfaceIsolationEnabled")) === "true",
			},
		],
	},
];

const scans: [string, Key, Key][] = [
	["NetworkOrPortScan", "recon.scan", "recon.scanNote"],
	["FingerprintProbe", "recon.fingerprint", "recon.fingerprintNote"],
	["TcpNullScan", "recon.null", "recon.nullNote"],
	["TcpSynFinScan", "recon.synFin", "recon.synFinNote"],
	["TcpXmasAttack", "recon.xmas", "recon.xmasNote"],
];
const noticed = (v: (name: string) => string) => v(setting("ReconnaissanceEnabled")) === "true";

export const reconnaissance: SettingGroup[] = [
	{
		group: "recon.title",
		note: "recon.about",
		rows: [
			on("ReconnaissanceEnabled", "recon.enabled"),
			{
				name: setting("ReconnaissanceIncludeIpListId"),
				label: "recon.include",
				note: "recon.includeNote",
				kind: "object",
				of: "iplists",
				none: "recon.everything",
				when: noticed,
			},
			{
				name: setting("ReconnaissanceExcludeIpListId"),
				label: "recon.exclude",
				note: "recon.excludeNote",
				kind: "object",
				of: "iplists",
				none: "recon.nothing",
				when: noticed,
			},
		],
	},
	...scans.map(([name, label, note]): SettingGroup => {
		const detected = (v: (name: string) => string) =>
			noticed(v) && v(setting(`ReconnaissanceDetect${name}Enabled`)) === "true";
		return {
			group: label,
			note,
			rows: [
				{ ...on(`ReconnaissanceDetect${name}Enabled`, "recon.detect"), when: noticed },
				{ ...on(`ReconnaissanceNotify${name}Enabled`, "recon.notify"), when: detected },
				{
					...words(
						`ReconnaissanceBlock${name}Duration`,
						"recon.block",
						"blocked",
						["No", "5 Minutes", "10 Minutes", "15 Minutes", "30 Minutes"],
						"recon.blockNote",
					),
					when: detected,
				},
			],
		};
	}),
];

const evasions: [string, Key][] = [
	["Paws", "evasion.paws"],
	["TcpPawsZero", "evasion.pawsZero"],
	["FragmentedPackets", "evasion.fragments"],
	["TcpZeroFlags", "evasion.zeroFlags"],
	["TcpCongestionFlags", "evasion.congestion"],
	["TcpUrgentFlags", "evasion.urgent"],
	["TcpSynFinFlags", "evasion.synFin"],
	["TcpSynRstFlags", "evasion.synRst"],
	["TcpRstFinFlags", "evasion.rstFin"],
	["TcpSynWithData", "evasion.synData"],
	["TcpSplitHandshake", "evasion.split"],
	["RstNoConnection", "evasion.rst"],
	["FinNoConnection", "evasion.fin"],
	["OutNoConnection", "evasion.out"],
	["EvasiveRetransmit", "evasion.retransmit"],
	["TcpChecksum", "evasion.checksum"],
];

export const advanced: SettingGroup[] = [
	{
		group: "fw.groupEvents",
		rows: [
			on("EventsOutOfAllowedPolicyEnabled", "fw.outOfPolicy"),
			count("LogEventsPerSecondMax", "fw.eventsPerSecond", 1, 100000),
			on(option("LogAllPacketDataEnabled"), "fw.packetData", "rule.packetDataNote"),
			words(option("LogPacketLengthMax"), "fw.packetLength", "bytes", [
				"64 Bytes",
				"128 Bytes",
				"256 Bytes",
				"512 Bytes",
				"1024 Bytes",
				"1500 Bytes",
			]),
			on(option("LogOnePacketWithinPeriodEnabled"), "fw.onePacket"),
			{
				...span("LogOnePacketPeriod", "fw.onePacketPeriod"),
				when: (v) => v(setting(option("LogOnePacketWithinPeriodEnabled"))) === "true",
			},
			on(option("GenerateConnectionEventsTcpEnabled"), "fw.connectionsTcp"),
			on(option("GenerateConnectionEventsUdpEnabled"), "fw.connectionsUdp"),
			on(option("GenerateConnectionEventsIcmpEnabled"), "fw.connectionsIcmp"),
			{
				name: setting("EventLogFileIgnoreSourceIpListId"),
				label: "fw.ignored",
				kind: "object",
				of: "iplists",
				none: "recon.nothing",
			},
		],
	},
	{
		group: "evasion.title",
		note: "evasion.about",
		rows: [
			words("AntiEvasionSecurityPosture", "evasion.posture", "posture", ["Normal", "Strict", "Custom"]),
			...evasions.map(
				([name, label]): SettingRowOf => ({
					...words(`AntiEvasionCheck${name}`, label, "evasionAction", [
						...(name === "Paws" ? ["Ignore"] : []),
						"Allow",
						"Log Only",
						"Deny",
						"Deny Silent",
					]),
					when: (v) => v(setting("AntiEvasionSecurityPosture")) === "Custom",
				}),
			),
		],
	},
	{
		group: "fw.groupHidden",
		rows: [
			words(option("ForceAllowDhcpDns"), "fw.dhcpDns", "dhcpDns", [
				"Allow DNS Query and DHCP Client",
				"Allow DNS Query",
				"Allow DHCP Client",
				"Do Not Allow",
			]),
			words(option("ForceAllowIcmpType3Code4"), "fw.icmp34", "icmp34", [
				"Add Force Allow rule for ICMP type3 code4",
				"Do Not Add",
			]),
		],
	},
	{
		group: "fw.groupPackets",
		rows: [
			on(option("BlockIpv6Agent9AndLaterEnabled"), "fw.blockIpv6"),
			on(option("BlockSameSrcDstIpEnabled"), "fw.sameAddress"),
			on(option("AllowNullIpEnabled"), "fw.nullAddress"),
			on(option("DropIpZeroPayloadEnabled"), "fw.zeroPayload"),
			on(option("VerifyTcpChecksumEnabled"), "fw.checksum"),
			on(option("SilentTcpConnectionDropEnabled"), "fw.silent"),
			on(option("DropIpv6ExtType0Enabled"), "fw.ipv6Type0"),
			on(option("DropIpv6FragmentsLowerThanMinMtuEnabled"), "fw.ipv6Fragments"),
			on(option("DropIpv6BogonsAddressesEnabled"), "fw.ipv6Bogons"),
			on(option("DropIpv6ReservedAddressesEnabled"), "fw.ipv6Reserved"),
			on(option("DropIpv6SiteLocalAddressesEnabled"), "fw.ipv6SiteLocal"),
			on(option("Drop6To4BogonsAddressesEnabled"), "fw.sixToFour"),
			on(option("DropTeredoAnomaliesEnabled"), "fw.teredo"),
			on(option("StrictTerodoPortCheckEnabled"), "fw.teredoPort"),
			words(option("TcpMssLimit"), "fw.mss", "bytes", [
				"No Limit",
				"32 Bytes",
				"64 Bytes",
				"128 Bytes",
				"256 Bytes",
				"512 Bytes",
			]),
			count("FragmentOffsetMin", "fw.fragmentOffset", 0, 65535, "unit.bytes"),
			count("FragmentSizeMin", "fw.fragmentSize", 0, 65535, "unit.bytes"),
			count("TunnelDepthMax", "fw.tunnels", 0, 10),
			words(option("TunnelDepthMaxExceededAction"), "fw.tunnelsMore", "tunnel", ["Drop", "Bypass"]),
		],
	},
	{
		group: "fw.groupConnections",
		note: "fw.spanNote",
		rows: [
			count("ConnectionsNumTcpMax", "fw.maxTcp", 1, 10000000),
			count("ConnectionsNumUdpMax", "fw.maxUdp", 1, 10000000),
			count("ConnectionsNumIcmpMax", "fw.maxIcmp", 1, 10000000),
			{
				name: setting("SynFloodProtectionThreshold"),
				label: "fw.synFlood",
				note: "fw.synFloodNote",
				kind: "number",
				min: 0,
				max: 1000000,
			},
			span("EstablishedTimeout", "fw.established"),
			span("SynSentTimeout", "fw.synSent"),
			span("SynRcvdTimeout", "fw.synRcvd"),
			span("FinWait1Timeout", "fw.finWait"),
			span("CloseWaitTimeout", "fw.closeWait"),
			span("ClosingTimeout", "fw.closing"),
			span("LastAckTimeout", "fw.lastAck"),
			span("CloseTimeout", "fw.closed"),
			span("DisconnectTimeout", "fw.disconnect"),
			span("ErrorTimeout", "fw.error"),
			span("UdpTimeout", "fw.udp"),
			span("IcmpTimeout", "fw.icmp"),
			span("ColdStartTimeout", "fw.coldStart"),
		],
	},
];

export const prevention: SettingGroup[] = [
	{
		group: "ips.groupRecommendations",
		rows: [
			{
				name: "intrusionPreventionSettingAutoApplyRecommendationsEnabled",
				label: "ips.autoApply",
				note: "ips.autoApplyNote",
				kind: "words",
				words: "yesNo",
				values: ["Yes", "No"],
			},
		],
	},
	{
		group: "ips.groupTraffic",
		rows: [
			{
				name: "intrusionPreventionSettingInspectTlsTrafficEnabled",
				label: "ips.tls",
				note: "ips.tlsNote",
				kind: "switch",
			},
			{
				name: "intrusionPreventionSettingHomeNet",
				label: "ips.homeNet",
				note: "ips.homeNetNote",
				kind: "text",
			},
			{
				name: "intrusionPreventionSettingVirtualAndContainerNetworkScanEnabled",
				label: "fw.containers",
				note: "fw.containersNote",
				kind: "switch",
			},
			{
				name: "intrusionPreventionSettingLogDataRuleFirstMatchEnabled",
				label: "ips.firstMatch",
				note: "rule.packetDataNote",
				kind: "switch",
			},
		],
	},
	{
		group: "ips.groupEngine",
		rows: [
			{
				name: "intrusionPreventionSettingEngineOptionsEnabled",
				label: "ips.engineOptions",
				kind: "switch",
			},
			{
				name: "intrusionPreventionSettingEngineOptionFragmentedIpKeepMax",
				label: "ips.fragments",
				kind: "number",
				min: 1,
				max: 1000000,
			},
			{
				name: "intrusionPreventionSettingEngineOptionFragmentedIpTimeout",
				label: "ips.fragmentTimeout",
				kind: "text",
			},
		],
	},
];
