import { Button, TextInput } from "@patternfly/react-core";
import { type KeyboardEvent, type ReactNode, useEffect, useId, useMemo, useRef, useState } from "react";
import { useTranslation } from "../i18n";
import type { Search } from "../router/table";
import { Icon } from "../ui/icons";
import { Nothing, Problem, Waiting } from "../ui/parts";
import { ColumnMenu } from "./ColumnMenu";
import { type Column, chosen, textOf } from "./columns";
import { matches, terms } from "./filter";
import { orderOf, sorted, toggled } from "./sort";
import { windowOf } from "./window";

const ROW_PX = 40;

/** What a grid keeps in the address. */
export type GridSearch = Search & { q: string; sort: string; cols: string };

export interface GridProps<T> {
	id: string;
	label: string;
	columns: readonly Column<T>[];
	rows: readonly T[] | undefined;
	rowKey: (row: T) => number | string;
	error?: Error | null;
	retry?: () => void;
	search: GridSearch;
	onSearch: (change: Partial<GridSearch>, how?: { replace?: boolean }) => void;
	empty: ReactNode;
	/** Between the filter and the column menu. */
	tools?: ReactNode;
	/** The rows come filtered and in order from the manager; `more` brings the next page. */
	remote?: boolean;
	more?: () => void;
	current?: number | string;
}

/** Arrow keys, j and k, Home and End move between rows by their first link or button. */
function walk(e: KeyboardEvent<HTMLElement>) {
	const target = e.target as HTMLElement;
	if (
		e.nativeEvent.isComposing ||
		e.ctrlKey ||
		e.metaKey ||
		e.altKey ||
		/^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName)
	)
		return;
	const all = [...e.currentTarget.querySelectorAll<HTMLElement>("[data-row]")];
	const at = all.indexOf(target.closest("tr")?.querySelector("[data-row]") as HTMLElement);
	const steps: Record<string, number> = {
		ArrowDown: at + 1,
		j: at + 1,
		ArrowUp: at - 1,
		k: at - 1,
		Home: 0,
		End: all.length - 1,
	};
	const to = steps[e.key];
	if (to === undefined || !all[to]) return;
	e.preventDefault();
	all[to].focus();
	all[to].scrollIntoView({ block: "nearest" });
}

function Head<T>(props: { columns: readonly Column<T>[]; sort: string; onSort: (key: string) => void }) {
	const order = orderOf(props.sort);
	return (
		<thead className="pf-v6-c-table__thead">
			<tr className="pf-v6-c-table__tr" aria-rowindex={1}>
				{props.columns.map((c) => {
					const by = order.key === c.key;
					return (
						<th
							key={c.key}
							scope="col"
							className="pf-v6-c-table__th"
							aria-sort={by ? (order.down ? "descending" : "ascending") : undefined}
						>
							{c.sort ? (
								<button type="button" className="yg-sort" onClick={() => props.onSort(c.key)}>
									<span>{c.label}</span>
									{by && <Icon name={order.down ? "down" : "up"} />}
								</button>
							) : (
								c.label
							)}
						</th>
					);
				})}
			</tr>
		</thead>
	);
}

function useScroll(count: number) {
	const box = useRef<HTMLElement>(null);
	const [view, setView] = useState({ top: 0, height: 800 });
	useEffect(() => {
		const el = box.current;
		if (!el) return;
		const measure = () => setView({ top: el.scrollTop, height: el.clientHeight || 800 });
		const sizes = new ResizeObserver(measure);
		sizes.observe(el);
		el.addEventListener("scroll", measure, { passive: true });
		return () => {
			sizes.disconnect();
			el.removeEventListener("scroll", measure);
		};
	}, []);
	return { box, window: windowOf(count, ROW_PX, view.top, view.height) };
}

function Body<T>(props: GridProps<T> & { shown: readonly Column<T>[]; list: readonly T[] }) {
	const { t } = useTranslation();
	const { box, window: w } = useScroll(props.list.length);
	const least = props.shown.reduce((sum, c) => sum + c.width, 0);
	const space = (rows: number) =>
		rows > 0 && (
			<tr>
				<td colSpan={props.shown.length} style={{ height: rows * ROW_PX, padding: 0 }} />
			</tr>
		);
	return (
		// biome-ignore lint/a11y/noStaticElementInteractions: the keys move the focus between the links inside
		<div onKeyDown={walk}>
			<section ref={box} className="yg-grid" aria-label={props.label} tabIndex={0}>
				<table
					className="pf-v6-c-table pf-m-compact"
					aria-label={props.label}
					aria-rowcount={props.more ? -1 : props.list.length + 1}
					style={{ minWidth: `${least}rem` }}
				>
					<colgroup>
						{props.shown.map((c) => (
							<col key={c.key} style={{ width: `${(100 * c.width) / least}%` }} />
						))}
					</colgroup>
					<Head
						columns={props.shown}
						sort={props.search.sort}
						onSort={(key) => props.onSearch({ sort: toggled(props.search.sort, key) })}
					/>
					<tbody className="pf-v6-c-table__tbody">
						{space(w.from)}
						{props.list.slice(w.from, w.to).map((row, i) => (
							<tr
								key={props.rowKey(row)}
								className={`pf-v6-c-table__tr ${props.rowKey(row) === props.current ? "yg-current" : ""}`}
								aria-rowindex={w.from + i + 2}
							>
								{props.shown.map((c) => (
									<td key={c.key} className="pf-v6-c-table__td" title={c.actions ? undefined : textOf(c, row)}>
										<div className="yg-cell">{c.cell(row)}</div>
									</td>
								))}
							</tr>
						))}
						{space(props.list.length - w.to)}
					</tbody>
				</table>
			</section>
			{props.more && (
				<Button variant="link" onClick={props.more}>
					{t("grid.more")}
				</Button>
			)}
		</div>
	);
}

/** The filter as typed; told on once the typing pauses, never while an input method composes. */
function Filter(props: { value: string; label: string; onChange: (q: string) => void }) {
	const [text, setText] = useState(props.value);
	const composing = useRef(false);
	const told = useRef(props.value);
	useEffect(() => {
		if (props.value !== told.current) setText(props.value);
		told.current = props.value;
	}, [props.value]);
	useEffect(() => {
		if (text === told.current) return;
		const timer = window.setTimeout(() => {
			if (composing.current) return;
			told.current = text;
			props.onChange(text);
		}, 200);
		return () => window.clearTimeout(timer);
	});
	return (
		<TextInput
			type="search"
			data-filter=""
			aria-label={props.label}
			placeholder={props.label}
			value={text}
			onChange={(_e, v) => setText(v)}
			onCompositionStart={() => {
				composing.current = true;
			}}
			onCompositionEnd={(e) => {
				composing.current = false;
				told.current = e.currentTarget.value;
				props.onChange(e.currentTarget.value);
			}}
		/>
	);
}

/** A list as a table: filter, order, columns, windowed rows, keyboard; waiting, failed, empty and filtered empty. */
export function Grid<T>(props: GridProps<T>) {
	const { t, language } = useTranslation();
	const count = useId();
	const { rows, columns, search, remote } = props;
	const shown = chosen(props.id, columns, search.cols);
	const list = useMemo(() => {
		if (!rows || remote) return rows ?? [];
		const wanted = terms(search.q);
		const found = wanted.length
			? rows.filter((r) =>
					matches(
						wanted,
						columns.map((c) => ({ key: c.key, label: c.label, text: textOf(c, r) })),
					),
				)
			: rows;
		const order = orderOf(search.sort);
		const by = columns.find((c) => c.key === order.key)?.sort;
		return by ? sorted(found, by, order.down, language) : found;
	}, [rows, remote, columns, search.q, search.sort, language]);

	return (
		<div className="yg-list">
			<div className="yg-tools">
				<Filter value={search.q} label={t("grid.filter")} onChange={(q) => props.onSearch({ q }, { replace: true })} />
				{props.tools}
				<span className="yg-space" />
				<span id={count} className="yg-count" role="status">
					{rows && !props.more ? t("grid.count", { count: list.length }) : ""}
				</span>
				<ColumnMenu
					id={props.id}
					columns={columns}
					shown={shown}
					onChange={(cols) => props.onSearch({ cols }, { replace: true })}
				/>
			</div>
			{props.error ? (
				<Problem error={props.error} retry={props.retry} />
			) : !rows ? (
				<Waiting />
			) : list.length > 0 ? (
				<Body {...props} shown={shown} list={list} />
			) : search.q ? (
				<Nothing
					title={t("grid.noneMatch")}
					action={
						<Button variant="link" onClick={() => props.onSearch({ q: "" })}>
							{t("grid.clear")}
						</Button>
					}
				/>
			) : (
				props.empty
			)}
		</div>
	);
}
