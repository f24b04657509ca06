export interface Window {
	from: number;
	to: number;
}

const OVERSCAN = 8;

/** The rows to draw: those in view and some around, so that the number of nodes does not grow with the list. */
export function windowOf(rows: number, rowHeight: number, scrollTop: number, viewHeight: number): Window {
	const first = Math.floor(scrollTop / rowHeight) - OVERSCAN;
	const last = Math.ceil((scrollTop + viewHeight) / rowHeight) + OVERSCAN;
	const to = Math.min(rows, Math.max(last, 2 * OVERSCAN));
	return { from: Math.max(0, Math.min(first, to - 1)), to };
}
