import { expect, test } from "vitest";
import { bodyOf, choiceText, entriesOf, fieldNamed, isShown, offsetOf, placeIn } from "./fields";
import { kindOf } from "./kinds";
import { kindNames } from "./names";

const rule = kindOf("firewallrules");
const fields = rule.groups.flatMap((g) => g.fields);
const shown = (o: object) => fields.filter((f) => isShown(f, { ...rule.start, ...o })).map((f) => f.name);

test("a condition is asked for only where it means something", () => {
	expect(shown({})).not.toContain("sourcePortType");
	expect(shown({ protocol: "tcp" })).toContain("sourcePortType");
	expect(shown({ protocol: "tcp", protocolNot: true })).not.toContain("sourcePortType");
	expect(shown({ protocol: "udp" })).not.toContain("anyFlags");
	expect(shown({ frameType: "arp" })).not.toContain("sourceIPType");
	expect(shown({ frameType: "arp" })).toContain("sourceMACType");
	expect(shown({ protocol: "icmp" })).toContain("ICMPType");
	expect(shown({ protocol: "icmp" })).not.toContain("ICMPCode");
	expect(shown({ protocol: "icmp", ICMPType: 3 })).toContain("ICMPCode");
	expect(shown({ action: "allow" })).not.toContain("priority");
	expect(shown({ action: "deny" })).toContain("alertEnabled");
});

test("what is not asked for is sent at rest, so that nothing of it holds any more", () => {
	const before = { ...rule.start, protocol: "icmp", ICMPType: 3, ICMPCode: 4, sourcePortType: "multiple" };
	const body = bodyOf(rule.groups, rule.start, { ...before, protocol: "udp", frameType: "arp" });
	expect(body.sourcePortType).toBe("any");
	expect([body.ICMPType, body.ICMPCode, body.protocol]).toEqual([-1, -1, "any"]);
	expect(bodyOf(rule.groups, rule.start, { ...before, name: "x" }).ICMPType).toBe(3);
});

test("a refusal is shown at the field that it names, the nearest one when that is not shown", () => {
	const o = { ...rule.start, protocol: "tcp", sourceIPType: "single" };
	const at = (message: string) => fieldNamed(rule.groups, o, message);
	expect(at("sourceIPValue is required with sourceIPType single.")).toBe("sourceIPValue");
	expect(at("Invalid value for sourceIPValue: 10.0.0.: .")).toBe("sourceIPValue");
	expect(at("sourceIPListID is missing")).toBe("sourceIPType");
	expect(at("Invalid firewall rule: tcpflags: only the protocol tcp has flags.")).toBe("protocol");
	expect(at("The database refused: it is full.")).toBeNull();
});

test("a place in a text is found, and stays within it", () => {
	expect(placeIn('line 3, column 14: content: a " is missing')).toEqual({ line: 3, column: 14 });
	expect(placeIn("line 2: something")).toEqual({ line: 2, column: 1 });
	expect(placeIn("rules:3:14: something")).toEqual({ line: 3, column: 14 });
	expect(placeIn("something else")).toBeNull();
	expect(offsetOf("ab\ncd\nef", 2, 2)).toBe(4);
	expect(offsetOf("ab\ncd", 9, 9)).toBe(5);
});

test("lines are entries, and names need no word", () => {
	expect(entriesOf(" a \n\n b\r\n")).toEqual(["a", "b"]);
	const word = (part: string, w: string) => (part === "protocol" && w === "any" ? "Any" : w);
	expect(["any", "tcp", "icmpv6"].map((p) => choiceText(word, "protocol", p))).toEqual(["Any", "TCP", "ICMPv6"]);
});

test("every column of a list and every start value is of a field or made from several", () => {
	const made = ["source", "destination", "ports", "context", "mode", "type", "lastUpdated", "identifier", "CVSSScore"];
	for (const n of kindNames) {
		const kind = kindOf(n);
		const known = [...kind.groups.flatMap((g) => g.fields).map((f) => f.name), ...made];
		expect(
			[...kind.columns.map((c) => c.name), ...Object.keys(kind.start)].filter((c) => !known.includes(c)),
			n,
		).toEqual([]);
	}
});
