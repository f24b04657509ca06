import { expect, test } from "vitest";
import { matches, terms } from "./filter";
import { orderOf, sorted, toggled } from "./sort";
import { windowOf } from "./window";

const cells = [
	{ key: "status", label: "ステータス", text: "Managed (Offline)" },
	{ key: "policy", label: "ポリシー", text: "Base Policy" },
	{ key: "name", label: "名前", text: "ウェブ01" },
];
const holds = (query: string) => matches(terms(query), cells);

test("every term must be found, in its column when it names one", () => {
	expect(holds("offline base")).toBe(true);
	expect(holds("offline online")).toBe(false);
	expect(holds("status:offline")).toBe(true);
	expect(holds("policy:offline")).toBe(false);
	expect(holds('policy:"base policy"')).toBe(true);
	expect(holds("")).toBe(true);
});

test("Japanese column names, widths, case and kana are one", () => {
	expect(holds("ステータス:ＯＦＦＬＩＮＥ")).toBe(true);
	expect(holds("うぇぶ０１")).toBe(true);
});

test("a path with a colon is text when there is no such column", () => {
	expect(matches(terms("c:x"), [{ key: "a", label: "A", text: "abc:xyz" }])).toBe(true);
	expect(matches(terms("c:x"), [{ key: "a", label: "A", text: "xyz" }])).toBe(false);
});

test("numbers sort by value, host names by their numbers, equal rows stay", () => {
	expect(sorted([10, 9, 100], (n) => n, false, "en")).toEqual([9, 10, 100]);
	expect(sorted(["web10", "web9"], (s) => s, false, "en")).toEqual(["web9", "web10"]);
	expect(
		sorted(
			[
				{ a: 1, b: 1 },
				{ a: 1, b: 2 },
			],
			(r) => r.a,
			true,
			"en",
		).map((r) => r.b),
	).toEqual([1, 2]);
	expect(orderOf("-seen")).toEqual({ key: "seen", down: true });
	expect([toggled("name", "name"), toggled("-name", "name"), toggled("x", "name")]).toEqual(["-name", "name", "name"]);
});

test("ten thousand rows draw few", () => {
	for (const top of [0, 5000, 400000 - 600]) {
		const w = windowOf(10000, 40, top, 600);
		expect(w.to - w.from).toBeLessThan(40);
		expect(w.from * 40).toBeLessThanOrEqual(top);
		expect(w.to * 40).toBeGreaterThanOrEqual(Math.min(400000, top + 600));
	}
	expect(windowOf(0, 40, 0, 600)).toEqual({ from: 0, to: 0 });
	expect(windowOf(3, 40, 9999, 600).to).toBe(3);
});
