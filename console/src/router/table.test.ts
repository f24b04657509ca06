import { expect, test } from "vitest";
import { href, placeOf } from "./table";

test("an address made for a view leads to it", () => {
	const to = href("computerTab", { id: 3, module: "anti-malware", tab: "files" }, { q: "a b", sort: "" });
	expect(to).toBe("/computers/3/anti-malware/files?q=a+b");
	expect(placeOf(new URL(to, "https://x").pathname)).toEqual({
		name: "computerTab",
		params: { id: "3", module: "anti-malware", tab: "files" },
	});
});

test("parts are encoded and decoded", () => {
	expect(placeOf(href("events", { class: "a/b" }))).toEqual({ name: "events", params: { class: "a/b" } });
});

test("an unknown address is no view", () => {
	expect(placeOf("/nothing/here")).toBeNull();
	expect(placeOf("/")).toBeNull();
});
