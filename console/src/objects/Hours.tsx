import { type KeyboardEvent, useMemo, useRef } from "react";
import { useTranslation } from "../i18n";

const DAYS = 7;
const HOURS = 24;

/** The hours of a week, Sunday 00:00 first: each a button, days and hours as a whole too; arrow keys move. */
export function Hours(props: { label: string; value: boolean[]; onChange?: (value: boolean[]) => void }) {
	const { t, language } = useTranslation();
	const table = useRef<HTMLTableElement>(null);
	const { value, onChange } = props;
	const days = useMemo(() => {
		const format = new Intl.DateTimeFormat(language, { weekday: "short", timeZone: "UTC" });
		// 4 January 1970 was a Sunday.
		return Array.from({ length: DAYS }, (_x, d) => format.format(new Date((3 + d) * 86_400_000)));
	}, [language]);

	function set(indices: number[]) {
		const on = !indices.every((i) => value[i]);
		onChange?.(value.map((v, i) => (indices.includes(i) ? on : v)));
	}
	function walk(e: KeyboardEvent<HTMLTableElement>) {
		const at = Number((e.target as HTMLElement).dataset.hour ?? -1);
		const steps: Record<string, number> = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: HOURS, ArrowUp: -HOURS };
		const to = at + (steps[e.key] ?? 0);
		if (at < 0 || to === at || to < 0 || to >= DAYS * HOURS) return;
		e.preventDefault();
		table.current?.querySelector<HTMLElement>(`[data-hour="${to}"]`)?.focus();
	}
	const day = (d: number) => Array.from({ length: HOURS }, (_x, h) => d * HOURS + h);
	const hour = (h: number) => Array.from({ length: DAYS }, (_x, d) => d * HOURS + h);
	return (
		<section className="yg-hours" aria-label={props.label} tabIndex={0}>
			<table ref={table} onKeyDown={walk} aria-label={props.label}>
				<thead>
					<tr>
						<td />
						{Array.from({ length: HOURS }, (_x, h) => (
							<th key={String(h)} scope="col">
								<button
									type="button"
									disabled={!onChange}
									aria-label={t("object.hourOfAll", { hour: h })}
									onClick={() => set(hour(h))}
								>
									{h}
								</button>
							</th>
						))}
					</tr>
				</thead>
				<tbody>
					{days.map((name, d) => (
						<tr key={name}>
							<th scope="row">
								<button type="button" disabled={!onChange} onClick={() => set(day(d))}>
									{name}
								</button>
							</th>
							{day(d).map((i) => (
								<td key={i}>
									<button
										type="button"
										data-hour={i}
										disabled={!onChange}
										aria-pressed={value[i]}
										aria-label={`${name} ${i % HOURS}:00`}
										tabIndex={i === 0 ? 0 : -1}
										onClick={() => set([i])}
									/>
								</td>
							))}
						</tr>
					))}
				</tbody>
			</table>
		</section>
	);
}
