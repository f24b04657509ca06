import type { ReactNode } from "react";

export interface Column<T> {
	key: string;
	label: string;
	/** Its share of the width, and the least it needs, in rem. */
	width: number;
	cell: (row: T) => ReactNode;
	/** What it is looked for and shown in full by; default: its sort value. */
	text?: (row: T) => string;
	sort?: (row: T) => string | number;
	/** Not shown until it is chosen. */
	extra?: boolean;
	/** Never hidden. */
	fixed?: boolean;
	/** Shown whole on several lines; only for lists that are not windowed. */
	actions?: boolean;
}

export function textOf<T>(column: Column<T>, row: T): string {
	if (column.text) return column.text(row);
	return column.sort ? String(column.sort(row)) : "";
}

const storeKey = (id: string) => `columns.${id}`;

/** The columns of the address, else the saved ones, else the usual ones; in the order of the table. */
export function chosen<T>(id: string, columns: readonly Column<T>[], address: string): Column<T>[] {
	const wanted = address || window.localStorage.getItem(storeKey(id)) || "";
	if (!wanted) return columns.filter((c) => !c.extra);
	const names = wanted.split(",");
	return columns.filter((c) => c.fixed || names.includes(c.key));
}

export function keep(id: string, names: string[]) {
	window.localStorage.setItem(storeKey(id), names.join(","));
}
