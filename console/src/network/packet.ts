import type { Draft, Group, Input } from "../objects/fields";

/* The packet that the simulator asks about (docs/firewall.md). */

const choice = (words: string, ...choices: string[]): Input => ({ type: "choice", words, choices });
const is =
	(member: string, ...values: string[]) =>
	(o: Draft) =>
		values.includes(String(o[member]));
const ports = is("protocol", "tcp", "udp");
const icmp = is("protocol", "icmp", "icmpv6");
const port: Input = { type: "number", min: 0, max: 65535 };
const octet: Input = { type: "number", min: 0, max: 255 };

export const packetGroups: Group[] = [
	{
		title: "simulator.packet",
		half: true,
		fields: [
			{ name: "direction", label: "rule.direction", input: choice("direction", "incoming", "outgoing") },
			{ name: "protocol", label: "rule.protocol", input: choice("protocol", "tcp", "udp", "icmp", "icmpv6", "igmp") },
			{ name: "sourceIP", label: "simulator.sourceIP", input: { type: "text", mono: true }, required: true },
			{ name: "sourcePort", label: "simulator.sourcePort", input: port, when: ports },
			{ name: "destinationIP", label: "simulator.destinationIP", input: { type: "text", mono: true }, required: true },
			{ name: "destinationPort", label: "simulator.destinationPort", input: port, when: ports },
			{ name: "ICMPType", label: "rule.icmpType", input: octet, when: icmp },
			{ name: "ICMPCode", label: "rule.icmpCode", input: octet, when: icmp },
		],
	},
	{
		title: "simulator.more",
		half: true,
		fields: [
			{ name: "connection", label: "simulator.connection", input: choice("connection", "new", "established") },
			{
				name: "TCPFlags",
				label: "rule.flags",
				input: { type: "flags", words: "flag", choices: ["syn", "ack", "fin", "rst", "psh", "urg"] },
				when: is("protocol", "tcp"),
			},
			{
				name: "context",
				label: "object.context",
				input: choice("contextIs", "local", "remote", "none", "no-internet"),
			},
			{
				name: "interface",
				label: "simulator.interface",
				note: "simulator.interfaceNote",
				input: { type: "text", mono: true },
			},
		],
	},
];

export const packetStart: Draft = {
	direction: "incoming",
	protocol: "tcp",
	sourceIP: "",
	destinationIP: "",
	sourcePort: 49152,
	destinationPort: 80,
	ICMPType: 8,
	ICMPCode: 0,
	connection: "new",
	TCPFlags: ["syn"],
	context: "local",
	interface: "eth0",
};
