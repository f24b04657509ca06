import { expect, test } from "vitest";
import en from "../i18n/en.json";
import ja from "../i18n/ja.json";
import { merge, newer } from "./events/merge";
import { firstLanguage, translate, translateWord } from "./i18n";

test("both catalogues have the same keys and placeholders", () => {
	expect(Object.keys(ja).sort()).toEqual(Object.keys(en).sort());
	for (const [key, text] of Object.entries(en)) {
		const marks = (s: string) => (s.match(/\{\w+\}/g) ?? []).sort();
		expect(marks(ja[key as keyof typeof ja]), key).toEqual(marks(text));
	}
});

test("placeholders are filled in and unknown words stay", () => {
	expect(translate("en", "grid.fresh", { count: 3 })).toBe("3 new");
	expect(translate("ja", "grid.fresh", { count: 3 })).toBe("新着 3 件");
	expect(translateWord("ja", "status", "Managed (Online)")).toBe("管理対象 (オンライン)");
	expect(translateWord("ja", "status", "Something new")).toBe("Something new");
});

test("the language is the saved one, else the browser's", () => {
	expect(firstLanguage("ja", ["en-US"])).toBe("ja");
	expect(firstLanguage(null, ["ja-JP", "en"])).toBe("ja");
	expect(firstLanguage("xx", ["de"])).toBe("en");
});

test("live events wait for the reader and come once", () => {
	const shown = [{ ID: 2 }, { ID: 1 }];
	expect(newer(shown, [{ ID: 2 }, { ID: 3 }])).toEqual([{ ID: 3 }]);
	expect(merge(shown, [{ ID: 4 }, { ID: 3 }, { ID: 2 }]).map((e) => e.ID)).toEqual([4, 3, 2, 1]);
});
