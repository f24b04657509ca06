/** What has an ID of the store: higher is newer. */
export interface Numbered {
	ID: number;
}

/** Those of `arrived` that are newer than all that is shown. */
export function newer<T extends Numbered>(shown: readonly T[], arrived: readonly T[]): T[] {
	const top = shown.reduce((max, e) => Math.max(max, e.ID), 0);
	return arrived.filter((e) => e.ID > top);
}

/** Both lists as one, newest first, each event once. */
export function merge<T extends Numbered>(shown: readonly T[], arrived: readonly T[]): T[] {
	const all = new Map([...shown, ...arrived].map((e) => [e.ID, e]));
	return [...all.values()].sort((a, b) => b.ID - a.ID);
}
