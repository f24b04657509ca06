import { createContext, useContext, useMemo } from "react";
import type admin from "../i18n/admin.en.json";
import en from "../i18n/en.json";
import ja from "../i18n/ja.json";
import type network from "../i18n/network.en.json";

export type Language = "en" | "ja";
/** Each in its own words. */
export const languages: Record<Language, string> = { en: "English", ja: "日本語" };
export type Key = keyof typeof en | keyof typeof network | keyof typeof admin;
export type Params = Record<string, string | number>;

/** The words of the first screen; parts that are loaded with their screens add theirs. */
const catalogues: Record<Language, Record<string, string>> = { en: { ...en }, ja: { ...ja } };

export function addWords(part: Record<Language, Record<string, string>>) {
	for (const language of Object.keys(languages) as Language[]) Object.assign(catalogues[language], part[language]);
}

/** The sentence of a key: {name} is filled in, {name|row|rows} chooses by its number. */
export function translate(language: Language, key: Key, params: Params = {}): string {
	return catalogues[language][key].replace(/\{(\w+)(?:\|([^|}]*)\|([^}]*))?\}/g, (whole, name: string, one, many) => {
		if (!(name in params)) return whole;
		if (one === undefined) return String(params[name]);
		return String(params[name]) === "1" ? one : many;
	});
}

/** A key that is made from data, such as a status word; what the catalogue does not know is shown as it is. */
export function translateWord(language: Language, prefix: string, word: string): string {
	const key = `${prefix}.${word}`;
	return catalogues[language][key] ?? word;
}

export function firstLanguage(saved: string | null, browser: readonly string[]): Language {
	if (saved === "en" || saved === "ja") return saved;
	return browser.some((l) => l.toLowerCase().startsWith("ja")) ? "ja" : "en";
}

export const LanguageContext = createContext<Language>("en");

const locales = { en: "en-GB", ja: "ja-JP" } as const;
const formats = new Map<string, Intl.DateTimeFormat>();

function formatted(language: Language, ms: number, style: "medium" | "short"): string {
	const key = language + style;
	const format =
		formats.get(key) ??
		new Intl.DateTimeFormat(locales[language], {
			dateStyle: style === "medium" ? "medium" : undefined,
			timeStyle: "medium",
		});
	formats.set(key, format);
	return format.format(ms);
}

const units = ["B", "KiB", "MiB", "GiB", "TiB"];

export function bytesText(language: Language, bytes: number): string {
	const power = Math.min(units.length - 1, bytes > 0 ? Math.floor(Math.log2(bytes) / 10) : 0);
	const digits = power === 0 ? 0 : 1;
	const number = new Intl.NumberFormat(locales[language], { maximumFractionDigits: digits }).format(
		bytes / 1024 ** power,
	);
	return `${number} ${units[power]}`;
}

/** 3:07, 1:02:03 */
export function elapsedText(ms: number): string {
	const s = Math.max(0, Math.floor(ms / 1000));
	const two = (n: number) => String(n).padStart(2, "0");
	const h = Math.floor(s / 3600);
	return h ? `${h}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}` : `${Math.floor(s / 60)}:${two(s % 60)}`;
}

export function useTranslation() {
	const language = useContext(LanguageContext);
	return useMemo(
		() => ({
			language,
			t: (key: Key, params?: Params) => translate(language, key, params),
			known: (key: string) => key in catalogues.en,
			word: (prefix: string, word: string) => translateWord(language, prefix, word),
			number: (n: number) => new Intl.NumberFormat(locales[language]).format(n),
			bytes: (n: number) => bytesText(language, n),
			time: (ms: number | undefined) => (ms === undefined ? "–" : formatted(language, ms, "medium")),
			clock: (ms: number) => formatted(language, ms, "short"),
		}),
		[language],
	);
}
