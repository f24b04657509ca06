import type { EventClass, SecurityEvent } from "../api/types";
import { type Language, translate, translateWord } from "../i18n";

/** Fields whose values are words of ours: which part of the catalogue translates them. */
const wordsOf: Record<string, string | readonly string[]> = {
	ScanResultString: "action",
	ScanAction1: "action",
	ScanAction2: "action",
	ScanResultAction1: "action",
	ScanResultAction2: "action",
	ScanTypeString: "scan",
	TargetType: "type",
	ActionBy: "actor",
	MajorVirusType: "virus",
	MalwareType: "malwareType",
	Reason: ["configuration", "packetReason"],
	ActionString: "fwEvent",
	DirectionString: "fwEvent",
	Flow: "fwEvent",
	ChangeString: ["integrityChange"],
	EntityType: "entityClass",
	Severity: ["ruleRank", "ruleSeverity"],
};

/** How a firewall event says which rule decided. */
const RULE = "Firewall Rule: ";

/** Texts with something in them that agents write: the text, the sentence for it, its parts. */
const patterns = [
	{ pattern: /^(\d+) files, (\d+) found$/, key: "describe.scan", names: ["files", "found"] },
	{ pattern: /^there is something at (.+)$/, key: "describe.exists", names: ["path"] },
	{ pattern: /^(.+) is no absolute path of a file$/, key: "describe.noPath", names: ["path"] },
	{ pattern: /^(.+) is a folder$/, key: "describe.isFolder", names: ["path"] },
	{ pattern: /^there is no quarantined file (.+)$/, key: "describe.noRecord", names: ["record"] },
	{ pattern: /^the folder of (.+): (.+)$/, key: "describe.folder", names: ["path", "reason"] },
	{ pattern: /^quarantine (.+): (.+)$/, key: "describe.quarantine", names: ["path", "reason"] },
] as const;

/** What an agent gives as the reason of something, in the reader's language as far as it is known. */
export function reasonText(language: Language, text: string): string {
	for (const p of patterns) {
		const found = text.match(p.pattern);
		if (!found) continue;
		const params = p.names.map((n, i) => [n, n === "reason" ? reasonText(language, found[i + 1]) : found[i + 1]]);
		return translate(language, p.key, Object.fromEntries(params));
	}
	return translateWord(language, "reason", text);
}

export function valueText(language: Language, field: string, value: string | number | boolean): string {
	if (typeof value === "boolean") return translate(language, value ? "common.yes" : "common.no");
	const text = String(value);
	if (field === "Description" || field === "ErrorCode") return reasonText(language, text);
	if (field === "Reason" && text.startsWith(RULE))
		return translate(language, "packetReason.rule", { name: text.slice(RULE.length) });
	const part = wordsOf[field];
	if (typeof part === "string") return translateWord(language, part, text);
	// Integrity Monitoring's events begin such words in capitals.
	for (const word of [text, text.toLowerCase()]) {
		const known = part?.find((p) => translateWord(language, p, word) !== word);
		if (known) return translateWord(language, known, word);
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
