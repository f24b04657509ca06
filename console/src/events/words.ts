import type { EventClass, SecurityEvent } from "../api/types";
import { type Language, translate, translateWord } from "../i18n";

/** Fields whose values are words of ours: which part of the catalogue translates them. */
const wordsOf: Record<string, string> = {
	ScanResultString: "action",
	ScanAction1: "action",
	ScanAction2: "action",
	ScanResultAction1: "action",
	ScanResultAction2: "action",
	ScanTypeString: "scan",
	ErrorCode: "reason",
	TargetType: "type",
	ActionBy: "actor",
	MajorVirusType: "virus",
	MalwareType: "malwareType",
	Reason: "configuration",
};

/** Texts with numbers in them that agents write. */
const patterns: { pattern: RegExp; key: "describe.scan"; names: string[] }[] = [
	{ pattern: /^(\d+) files, (\d+) found$/, key: "describe.scan", names: ["files", "found"] },
];

export function valueText(language: Language, field: string, value: string | number | boolean): string {
	if (typeof value === "boolean") return translate(language, value ? "common.yes" : "common.no");
	const text = String(value);
	const part = wordsOf[field];
	if (part) return translateWord(language, part, text);
	if (field === "Description")
		for (const p of patterns) {
			const found = text.match(p.pattern);
			if (found) return translate(language, p.key, Object.fromEntries(p.names.map((n, i) => [n, found[i + 1]])));
		}
	return text;
}

/** The kind's sentence in the reader's language; the manager's English one when the kind is not known here. */
export function sentenceOf(e: SecurityEvent, cls: EventClass | undefined, language: Language): string {
	const text = cls?.kinds.find((k) => k.name === e.kind)?.sentence[language];
	if (!text) return e.sentence;
	return text.replace(/\{(\w+)\}/g, (_m, field: string) =>
		e[field] === undefined ? "" : valueText(language, field, e[field]),
	);
}

export function fieldLabel(cls: EventClass | undefined, name: string, language: Language): string {
	return cls?.fields.find((f) => f.name === name)?.label[language] ?? name;
}
