import { createContext, useContext } from "react";
import en from "../i18n/en.json";
import ja from "../i18n/ja.json";

export type Language = "en" | "ja";
export type Key = keyof typeof en;
export type Params = Record<string, string | number>;

const catalogues: Record<Language, Record<Key, string>> = { en, ja };

/** The sentence of a key with its {placeholders} filled in. */
export function translate(language: Language, key: Key, params: Params = {}): string {
	return catalogues[language][key].replace(/\{(\w+)\}/g, (whole, name: string) =>
		name in params ? String(params[name]) : whole,
	);
}

/** A key that is made from data, such as a status word; what the catalogue does not know is shown as it is. */
export function translateWord(language: Language, prefix: string, word: string): string {
	const key = `${prefix}.${word}`;
	return key in catalogues[language] ? catalogues[language][key as Key] : word;
}

export function firstLanguage(saved: string | null, browser: readonly string[]): Language {
	if (saved === "en" || saved === "ja") return saved;
	return browser.some((l) => l.toLowerCase().startsWith("ja")) ? "ja" : "en";
}

export const LanguageContext = createContext<Language>("en");

export function useTranslation() {
	const language = useContext(LanguageContext);
	return {
		language,
		t: (key: Key, params?: Params) => translate(language, key, params),
		word: (prefix: string, word: string) => translateWord(language, prefix, word),
		time: (ms: number | undefined) =>
			ms === undefined
				? "–"
				: new Intl.DateTimeFormat(language === "ja" ? "ja-JP" : "en-GB", {
						dateStyle: "medium",
						timeStyle: "medium",
					}).format(ms),
	};
}
