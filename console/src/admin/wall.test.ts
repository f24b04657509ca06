import { expect, test } from "vitest";
import { timeAt, wallOf } from "./wall";

test("a time of day is that of its zone", () => {
	expect(timeAt("UTC", "2026-01-02T03:04")).toBe(Date.UTC(2026, 0, 2, 3, 4));
	expect(timeAt("Asia/Tokyo", "2026-01-02T03:04")).toBe(Date.UTC(2026, 0, 1, 18, 4));
	expect(wallOf("Asia/Tokyo", Date.UTC(2026, 0, 1, 18, 4))).toBe("2026-01-02T03:04");
	expect(timeAt("UTC", "soon")).toBeNull();
});

test("an hour that the clock shows twice is the first one, and one that it skips is what it would have been", () => {
	const twice = timeAt("Europe/Berlin", "2026-10-25T02:30");
	expect(twice).toBe(Date.UTC(2026, 9, 25, 0, 30));
	const skipped = timeAt("Europe/Berlin", "2026-03-29T02:30");
	expect(skipped).toBe(Date.UTC(2026, 2, 29, 1, 30));
});

test("every hour of a year of two zones comes back as it went", () => {
	for (const zone of ["America/New_York", "Australia/Lord_Howe"])
		for (let ms = Date.UTC(2026, 0, 1); ms < Date.UTC(2027, 0, 1); ms += 3600000 * 7) {
			const back = timeAt(zone, wallOf(zone, ms));
			expect(wallOf(zone, back ?? 0)).toBe(wallOf(zone, ms));
		}
});
