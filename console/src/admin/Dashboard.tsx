import { FormSelect, FormSelectOption } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { call } from "../api/client";
import { useComputers, useEventClasses, usePolicies } from "../api/queries";
import { useTranslation } from "../i18n";
import { href, Link, useSearch } from "../router/router";
import { Card, Nothing, PageHead, Problem, Status, Waiting } from "../ui/parts";
import { periods, useAlerts, useSystemSettings } from "./queries";
import "./words";
import "../network/words";

interface Summary {
	since: number;
	bucketMs: number;
	partial: boolean;
	classes: { name: string; total: number; stopped: number; buckets: number[] }[];
	computers: { computerID: number; hostName: string; count: number }[];
	whats: { class: string; what: string; count: number }[];
}

const useSummary = (hours: string) =>
	useQuery({
		queryKey: ["summary", hours],
		queryFn: () => call<Summary>("GET", `/eventsummary?hours=${hours}`),
		refetchInterval: 30000,
	});

/** One figure with its word; it leads to what it counts. */
function Figure(props: { label: string; value: number; state: string; to: string; note?: string }) {
	const { number } = useTranslation();
	return (
		<Link to={props.to} className={`yg-figure yg-figure-${props.state}`}>
			<span className="yg-figure-value">{number(props.value)}</span>
			<span>{props.label}</span>
			{props.note && <span className="yg-note">{props.note}</span>}
		</Link>
	);
}

const WIDTH = 640;
const HEIGHT = 160;

/** Events of each module over time, stacked; the table behind the button says the same in figures. */
function Chart(props: { summary: Summary; label: (name: string) => string }) {
	const { t, time, number } = useTranslation();
	const [table, setTable] = useState(false);
	const { classes, since, bucketMs } = props.summary;
	const shown = classes.filter((c) => c.total > 0);
	const n = classes[0]?.buckets.length ?? 0;
	const buckets = Array.from({ length: n }, (_x, i) => ({
		i,
		at: since + i * bucketMs,
		sum: shown.reduce((sum, c) => sum + c.buckets[i], 0),
	}));
	const most = Math.max(1, ...buckets.map((b) => b.sum));
	const step = n ? WIDTH / n : WIDTH;
	return (
		<>
			<svg
				viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
				className="yg-chart"
				role="img"
				aria-label={t("dash.chart", { total: number(buckets.reduce((all, b) => all + b.sum, 0)) })}
			>
				{buckets.map(({ i, at }) => {
					let top = HEIGHT;
					return shown.map((c) => {
						const h = (c.buckets[i] / most) * (HEIGHT - 8);
						top -= h;
						return h > 0 ? (
							<rect
								key={`${c.name}-${at}`}
								x={i * step + step * 0.1}
								y={top}
								width={step * 0.8}
								height={h}
								className={`yg-series-${classes.indexOf(c) % 8}`}
							>
								<title>{`${props.label(c.name)}: ${number(c.buckets[i])} · ${time(at)}`}</title>
							</rect>
						) : null;
					});
				})}
			</svg>
			<ul className="yg-legend">
				{shown.map((c) => (
					<li key={c.name}>
						<span className={`yg-swatch yg-series-${classes.indexOf(c) % 8}`} aria-hidden="true" />
						<Link to={href("events", { class: c.name })}>{props.label(c.name)}</Link> {number(c.total)}
					</li>
				))}
			</ul>
			<button type="button" className="yg-link" aria-expanded={table} onClick={() => setTable(!table)}>
				{t(table ? "dash.hideTable" : "dash.showTable")}
			</button>
			{table && (
				<section className="yg-scroll" tabIndex={0} aria-label={t("dash.events")}>
					<table className="yg-table">
						<thead>
							<tr>
								<th scope="col">{t("dash.from")}</th>
								{shown.map((c) => (
									<th key={c.name} scope="col">
										{props.label(c.name)}
									</th>
								))}
							</tr>
						</thead>
						<tbody>
							{buckets.map(({ i, at }) => (
								<tr key={at}>
									<th scope="row">{time(at)}</th>
									{shown.map((c) => (
										<td key={c.name}>{number(c.buckets[i])}</td>
									))}
								</tr>
							))}
						</tbody>
					</table>
				</section>
			)}
		</>
	);
}

function Ranking(props: { rows: { key: string; name: ReactNode; count: number }[]; none: string }) {
	const { number } = useTranslation();
	const most = Math.max(1, ...props.rows.map((r) => r.count));
	if (props.rows.length === 0) return <p className="yg-note">{props.none}</p>;
	return (
		<ol className="yg-ranking">
			{props.rows.map((r) => (
				<li key={r.key}>
					<span className="yg-ranking-name">{r.name}</span>
					<meter min={0} max={most} value={r.count} aria-hidden="true" />
					<span className="yg-ranking-count">{number(r.count)}</span>
				</li>
			))}
		</ol>
	);
}

/** Five steps that turn green by themselves. */
function GettingStarted(props: { managed: number; policies: boolean; mail: boolean }) {
	const { t } = useTranslation();
	const steps: { done: boolean; text: string; to: string }[] = [
		{ done: props.managed > 0, text: t("start.computer"), to: href("computers", {}, { add: "1" }) },
		{ done: props.policies, text: t("start.policy"), to: href("policies", {}) },
		{ done: props.mail, text: t("start.mail"), to: href("settings", { tab: "notifications" }) },
	];
	if (steps.every((s) => s.done)) return null;
	return (
		<Card title={t("start.title")}>
			<ol className="yg-steps">
				{steps.map((s) => (
					<li key={s.text}>
						<Status state={s.done ? "active" : "inactive"}>{t(s.done ? "start.done" : "start.open")}</Status>{" "}
						<Link to={s.to}>{s.text}</Link>
					</li>
				))}
			</ol>
		</Card>
	);
}

/** Is anything wrong, where, and what is to be done. */
export default function Dashboard() {
	const { t, language, word } = useTranslation();
	const [search, setSearch] = useSearch({ hours: "24" });
	const hours = periods.find((p) => p === search.hours) ?? "24";
	const summary = useSummary(hours);
	const alerts = useAlerts();
	const computers = useComputers();
	const policies = usePolicies().data;
	const classes = useEventClasses().data ?? [];
	const settings = useSystemSettings().data;
	const label = (name: string) => classes.find((c) => c.name === name)?.label[language] ?? name;
	if (computers.error) return <Problem error={computers.error} retry={computers.refetch} />;
	if (!computers.data) return <Waiting />;
	const all = computers.data;
	const stateOf = (c: (typeof all)[number]) => String(c.computerStatus?.agentStatus ?? "");
	const managed = all.filter((c) => stateOf(c) === "active" || stateOf(c) === "warning");
	const wrong = all.filter((c) => stateOf(c) === "error" || stateOf(c) === "warning");
	const without = all.filter((c) => !c.policyID);
	const critical = alerts.data?.filter((a) => a.severity === "critical").length ?? 0;
	const stopped = summary.data?.classes.reduce((sum, c) => sum + c.stopped, 0) ?? 0;
	return (
		<>
			<PageHead title={t("nav.dashboard")}>
				<FormSelect
					aria-label={t("dash.period")}
					className="yg-choice"
					value={hours}
					onChange={(_e, v) => setSearch({ hours: v })}
				>
					{periods.map((p) => (
						<FormSelectOption key={p} value={p} label={word("period", p)} />
					))}
				</FormSelect>
			</PageHead>
			<div className="yg-figures">
				<Figure
					label={t("dash.alerts")}
					value={alerts.data?.length ?? 0}
					state={critical ? "error" : alerts.data?.length ? "warning" : "ok"}
					note={critical ? t("dash.critical", { count: critical }) : undefined}
					to={href("alerts", {})}
				/>
				<Figure
					label={t("dash.wrong")}
					value={wrong.length}
					state={wrong.length ? "error" : "ok"}
					to={href("computers", {})}
				/>
				<Figure
					label={t("dash.without")}
					value={without.length}
					state={without.length ? "warning" : "ok"}
					to={href("computers", {})}
				/>
				<Figure
					label={t("dash.stopped", { period: word("period", hours) })}
					value={stopped}
					state="ok"
					to={href("events", { class: "antimalware" })}
				/>
				<Figure
					label={t("dash.managed")}
					value={managed.length}
					state="ok"
					note={t("app.computers", { count: all.length })}
					to={href("computers", {})}
				/>
			</div>
			<GettingStarted
				managed={managed.length}
				policies={all.some((c) => c.policyID && c.policyID > 1) || (policies?.length ?? 0) === 0}
				mail={settings ? settings.platformSettingSmtpServerAddress?.value !== "" : true}
			/>
			{summary.error && <Problem error={summary.error} retry={summary.refetch} />}
			{summary.data && (
				<div className="yg-cards">
					<Card title={t("dash.events")} className="yg-wide">
						{summary.data.partial && <p className="yg-note">{t("dash.partial")}</p>}
						{summary.data.classes.every((c) => c.total === 0) ? (
							<Nothing title={t("dash.noEvents")} />
						) : (
							<Chart summary={summary.data} label={label} />
						)}
					</Card>
					<Card title={t("dash.computers")}>
						<Ranking
							none={t("dash.noEvents")}
							rows={summary.data.computers.map((c) => ({
								key: String(c.computerID),
								name: <Link to={href("computer", { id: c.computerID })}>{c.hostName || `#${c.computerID}`}</Link>,
								count: c.count,
							}))}
						/>
					</Card>
					<Card title={t("dash.whats")}>
						<Ranking
							none={t("dash.noEvents")}
							rows={summary.data.whats.map((w) => ({
								key: `${w.class}-${w.what}`,
								name: (
									<Link to={href("events", { class: w.class }, { q: w.what })}>
										{w.what}
										<span className="yg-note"> {label(w.class)}</span>
									</Link>
								),
								count: w.count,
							}))}
						/>
					</Card>
				</div>
			)}
		</>
	);
}
