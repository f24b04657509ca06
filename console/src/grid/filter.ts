/** Full and half width, case and kana are one when people look for something. */
export function folded(text: string): string {
	return text
		.normalize("NFKC")
		.toLowerCase()
		.replace(/[ァ-ヶ]/g, (c) => String.fromCharCode(c.charCodeAt(0) - 0x60));
}

export interface Term {
	/** A column's key or label, folded; empty: any column. */
	column: string;
	text: string;
}

/** `status:offline "base policy"`: terms with blanks between, all must hold. */
export function terms(query: string): Term[] {
	const found = query.normalize("NFKC").match(/(?:[^\s:"]+:)?(?:"[^"]*"?|[^\s"]+)/g) ?? [];
	return found.map((word) => {
		const at = word.search(/(?<=^[^"]+):/);
		const text = (at < 0 ? word : word.slice(at + 1)).replace(/"/g, "");
		return { column: at < 0 ? "" : folded(word.slice(0, at)), text: folded(text) };
	});
}

export interface Searched {
	key: string;
	label: string;
	text: string;
}

/** A term whose column does not exist is taken as plain text, colon and all. */
export function matches(wanted: readonly Term[], cells: readonly Searched[]): boolean {
	return wanted.every((t) => {
		const named = cells.filter((c) => t.column && (folded(c.key) === t.column || folded(c.label) === t.column));
		const text = t.column && named.length === 0 ? `${t.column}:${t.text}` : t.text;
		return (named.length ? named : cells).some((c) => folded(c.text).includes(text));
	});
}
