import type { ComponentType } from "react";
import type { RefKind } from "../admin/refs";
import type { Key } from "../i18n";
import type { KindName } from "./names";

/** An object as it is being written; what it has besides the fields of its form goes back unchanged. */
export type Draft = Record<string, unknown>;

export type Input =
	| { type: "text"; max?: number; mono?: boolean }
	| { type: "area" }
	| { type: "switch" }
	| { type: "choice"; choices: readonly string[]; words: string }
	| { type: "flags"; choices: readonly string[]; words: string }
	/** `none`: what stands for no number at all. */
	| { type: "number"; min: number; max: number; none?: number }
	/** One entry a line. */
	| { type: "lines"; example: string }
	| { type: "ref"; kind: KindName }
	| { type: "hours" }
	/** A rule's own language, with line numbers. */
	| { type: "code" }
	/** Is never shown again; left empty it stays as it is. */
	| { type: "secret"; fresh?: boolean }
	/** A day and time, in the browser's time zone; milliseconds since the epoch. */
	| { type: "date" }
	| { type: "zone" }
	| { type: "refs"; kind: RefKind }
	/** A control of its own. */
	| { type: "own"; control: ComponentType<OwnProps> };

/** A control of its own changes a whole member. */
export interface OwnProps {
	value: unknown;
	// biome-ignore lint/suspicious/noExplicitAny: each control knows what it changes to
	onChange: (value: any) => void;
}

export interface Field {
	name: string;
	label: Key;
	note?: Key;
	input: Input;
	required?: boolean;
	/** Asked for only where it means something. */
	when?: (o: Draft) => boolean;
}

export interface Group {
	title: Key;
	/** Beside its like where there is room. */
	half?: boolean;
	fields: Field[];
}

/** Names of protocols and flags that are the same in every language. */
const names: Record<string, string> = {
	icmpv6: "ICMPv6",
	"tcp-udp": "TCP/UDP",
	leef: "LEEF 2.0",
	json: "JSON (RFC 5424)",
};

/** A choice in words; what the catalogue has no word for is a name. */
export function choiceText(word: (part: string, w: string) => string, words: string, choice: string): string {
	// Without a part of the catalogue the choices are words of their own.
	if (words === "") return choice;
	const text = word(words, choice);
	return text === choice ? (names[choice] ?? choice.toUpperCase()) : text;
}

export const isShown = (f: Field, o: Draft) => !f.when || f.when(o);

/** What a field that nobody asks for has to be, so that nothing of it holds any more. */
function resting(f: Field, start: Draft): unknown {
	if (f.name in start) return start[f.name];
	if (f.input.type === "number") return f.input.none;
	if (f.input.type === "ref") return 0;
	if (f.input.type === "switch") return false;
	if (f.input.type === "lines" || f.input.type === "flags") return [];
	return undefined;
}

/** What is sent: shown fields as they are, hidden ones at rest. */
export function bodyOf(groups: readonly Group[], start: Draft, o: Draft): Draft {
	const body: Draft = {};
	for (const f of groups.flatMap((g) => g.fields)) {
		const value = isShown(f, o) ? (o[f.name] ?? resting(f, start)) : resting(f, start);
		if (value !== undefined) body[f.name] = value;
	}
	return body;
}

/** The lines of a text as entries: trimmed, none empty. */
export const entriesOf = (text: string) =>
	text
		.split("\n")
		.map((x) => x.trim())
		.filter(Boolean);

/** The shown field that the manager's refusal names; the longest name wins, as names begin alike. */
export function fieldNamed(groups: readonly Group[], o: Draft, message: string): string | null {
	const words = message.match(/[A-Za-z]\w*/g) ?? [];
	const fields = groups.flatMap((g) => g.fields).filter((f) => isShown(f, o));
	const hit = words.find((w) => fields.some((f) => f.name === w));
	if (hit) return hit;
	// "sourceIPListID is missing" while only "sourceIPType" is shown: the field that it belongs to.
	const near = words.find((w) => /^(source|destination)(IP|MAC|Port)/.test(w));
	const type = near?.match(/^(source|destination)(IP|MAC|Port)/)?.[0];
	return type && fields.some((f) => f.name === `${type}Type`) ? `${type}Type` : null;
}

/** Where in a text; both count from 1. */
export interface Spot {
	line: number;
	column: number;
}

/** "line 3, column 14: …" or "3:14: …": where that is. */
export function placeIn(message: string): Spot | null {
	const found = message.match(/line (\d+)(?:,? column (\d+))?/) ?? message.match(/(?:^|[\s:])(\d+):(\d+):/);
	return found ? { line: Number(found[1]), column: Number(found[2] ?? 1) } : null;
}

/** How many characters stand in front of a place of a text; within the text whatever is asked for. */
export function offsetOf(text: string, line: number, column: number): number {
	const lines = text.split("\n");
	const at = Math.min(Math.max(1, line), lines.length) - 1;
	const before = lines.slice(0, at).reduce((sum, l) => sum + l.length + 1, 0);
	return before + Math.min(Math.max(1, column) - 1, lines[at].length);
}
