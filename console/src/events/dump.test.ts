import { expect, test } from "vitest";
import { bytesOf, dumpOf, dumpText } from "./dump";

test("a packet is shown in hexadecimal and as text, sixteen bytes a line", () => {
	const data = Uint8Array.from([..."GET / HTTP/1.1\r\nHost"].map((c) => c.charCodeAt(0)));
	const lines = dumpOf(data);
	expect(lines.map((l) => l.offset)).toEqual(["0000", "0010"]);
	expect(lines[0].bytes.map((b) => b.text).join("")).toBe("GET / HTTP/1.1..");
	expect(dumpText(lines).split("\n")[1]).toBe(`0010  48 6f 73 74${" ".repeat(36)}  Host`);
});

test("what is no base64 is no packet", () => {
	expect(bytesOf("AAH/")).toEqual(Uint8Array.from([0, 1, 255]));
	expect(bytesOf("*").length).toBe(0);
	expect(dumpOf(bytesOf(""))).toEqual([]);
});
