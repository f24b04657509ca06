export interface Order {
	key: string;
	down: boolean;
}

/** "-seen": by seen, downwards. */
export function orderOf(text: string): Order {
	return text.startsWith("-") ? { key: text.slice(1), down: true } : { key: text, down: false };
}

export function toggled(now: string, key: string): string {
	return now === key ? `-${key}` : key;
}

/** A copy in order; equal ones stay as they were. Numbers by value, texts as people of that language order them. */
export function sorted<T>(
	rows: readonly T[],
	value: (row: T) => string | number,
	down: boolean,
	language: string,
): T[] {
	const collator = new Intl.Collator(language, { numeric: true });
	const keyed = rows.map((row) => ({ row, v: value(row) }));
	keyed.sort((a, b) => {
		const order =
			typeof a.v === "number" && typeof b.v === "number" ? a.v - b.v : collator.compare(String(a.v), String(b.v));
		return down ? -order : order;
	});
	return keyed.map((k) => k.row);
}
