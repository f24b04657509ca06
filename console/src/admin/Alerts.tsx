import { Button, FormSelect, FormSelectOption, TextArea, TextInput } from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useId, useMemo, useState } from "react";
import { call } from "../api/client";
import type { Column } from "../grid/columns";
import { Grid } from "../grid/Grid";
import { useTranslation } from "../i18n";
import { href, Link, useSearch } from "../router/router";
import { Dialog } from "../ui/Dialog";
import { Nothing, PageHead, Problem, Status, Tabs } from "../ui/parts";
import { type AlertObject, type AlertState, type AlertType, alertStates, useAlerts, useAlertTypes } from "./queries";
import "./words";

const looks = { critical: "error", warning: "warning" } as const;

export function AlertTabs(props: { current: "alerts" | "alertTypes" }) {
	const { t } = useTranslation();
	return (
		<Tabs
			label={t("nav.alerts")}
			tabs={(["alerts", "alertTypes"] as const).map((name) => ({
				to: href(name, {}),
				text: t(name === "alerts" ? "nav.alerts" : "alert.types"),
				current: name === props.current,
			}))}
		/>
	);
}

/** Whoever has looked at it says what came of it. */
function Dismiss(props: { alert: AlertObject; onClose: () => void }) {
	const { t, language } = useTranslation();
	const client = useQueryClient();
	const id = useId();
	const [reason, setReason] = useState("");
	const dismiss = useMutation({
		mutationFn: () => call("POST", `/alerts/${props.alert.ID}/dismiss`, { reason: reason.trim() }),
		onSuccess: () => {
			client.invalidateQueries({ queryKey: ["alerts"] });
			props.onClose();
		},
	});
	return (
		<Dialog
			title={t("alert.dismiss")}
			onClose={props.onClose}
			footer={
				<>
					<Button isDisabled={dismiss.isPending} onClick={() => dismiss.mutate()}>
						{t("alert.dismiss")}
					</Button>
					<Button variant="link" onClick={props.onClose}>
						{t("common.cancel")}
					</Button>
				</>
			}
		>
			<p>
				{props.alert.title[language]}
				{props.alert.targetName ? ` · ${props.alert.targetName}` : ""}
			</p>
			<div className="yg-field">
				<label htmlFor={id}>{t("alert.reason")}</label>
				<TextArea id={id} rows={2} maxLength={1000} value={reason} onChange={(_e, v) => setReason(v)} />
				<p className="yg-note">{t("alert.reasonNote")}</p>
			</div>
			{dismiss.error && <Problem error={dismiss.error} />}
		</Dialog>
	);
}

function useAlertColumns(onDismiss: (a: AlertObject) => void, ended: boolean): Column<AlertObject>[] {
	const { t, language, time, number, word } = useTranslation();
	return useMemo(() => {
		const columns: Column<AlertObject>[] = [
			{
				key: "severity",
				label: t("alert.severity"),
				width: 7,
				sort: (a) => (a.severity === "critical" ? 0 : 1),
				text: (a) => word("alertSeverity", a.severity),
				cell: (a) => <Status state={looks[a.severity]}>{word("alertSeverity", a.severity)}</Status>,
			},
			{
				key: "title",
				label: t("alert.what"),
				width: 18,
				fixed: true,
				sort: (a) => a.title[language],
				cell: (a) => a.title[language],
			},
			{
				key: "target",
				label: t("alert.where"),
				width: 11,
				sort: (a) => a.targetName ?? "",
				cell: (a) =>
					a.computerID ? (
						<Link to={href("computer", { id: a.computerID })} row>
							{a.targetName || `#${a.computerID}`}
						</Link>
					) : (
						(a.targetName ?? "–")
					),
			},
			{
				key: "message",
				label: t("alert.message"),
				width: 18,
				sort: (a) => a.message ?? "",
				cell: (a) => a.message ?? "",
			},
			{
				key: "raised",
				label: t("alert.first"),
				width: 10,
				sort: (a) => a.raised,
				text: (a) => time(a.raised),
				cell: (a) => time(a.raised),
			},
			{
				key: "last",
				label: t("alert.last"),
				width: 10,
				sort: (a) => a.last,
				text: (a) => time(a.last),
				cell: (a) => time(a.last),
			},
			{ key: "count", label: t("alert.count"), width: 5, sort: (a) => a.count, cell: (a) => number(a.count) },
		];
		if (ended) {
			const how = (a: AlertObject) =>
				a.state === "active"
					? t("alert.open")
					: a.state === "ended"
						? t("alert.endedItself", { time: time(a.ended) })
						: t("alert.dismissedBy", { name: a.endedBy ?? "", time: time(a.ended) });
			columns.push(
				{ key: "ended", label: t("alert.end"), width: 16, sort: how, cell: how },
				{
					key: "reason",
					label: t("alert.reason"),
					width: 12,
					sort: (a) => a.reason ?? "",
					cell: (a) => a.reason ?? "",
				},
			);
		}
		columns.push({
			key: "deeds",
			label: t("alert.deeds"),
			width: 8,
			fixed: true,
			cell: (a) =>
				a.state === "active" ? (
					<Button variant="link" isInline onClick={() => onDismiss(a)}>
						{t("alert.dismiss")}
					</Button>
				) : null,
		});
		return columns;
	}, [t, language, time, number, word, onDismiss, ended]);
}

/** What asks for somebody's eyes; what ended, and who dismissed it why. */
export default function Alerts() {
	const { t, word } = useTranslation();
	const [search, setSearch] = useSearch({ q: "", sort: "-last", cols: "", state: "active" });
	const state = (alertStates.find((s) => s === search.state) ?? "active") as AlertState;
	const alerts = useAlerts(state);
	const [dismissing, setDismissing] = useState<AlertObject | null>(null);
	const columns = useAlertColumns(setDismissing, state !== "active");
	return (
		<>
			<PageHead title={t("nav.alerts")} />
			<AlertTabs current="alerts" />
			<Grid
				id="alerts"
				label={t("nav.alerts")}
				columns={columns}
				rows={alerts.data}
				rowKey={(a) => a.ID}
				error={alerts.error}
				retry={alerts.refetch}
				search={search}
				onSearch={setSearch}
				tools={
					<FormSelect
						aria-label={t("alert.state")}
						className="yg-choice"
						value={state}
						onChange={(_e, v) => setSearch({ state: v })}
					>
						{alertStates.map((s) => (
							<FormSelectOption key={s} value={s} label={word("alertState", s)} />
						))}
					</FormSelect>
				}
				empty={
					<Nothing title={t("alert.none")} action={<Link to={href("alertTypes", {})}>{t("alert.types")}</Link>}>
						{t("alert.noneText")}
					</Nothing>
				}
			/>
			{dismissing && <Dismiss alert={dismissing} onClose={() => setDismissing(null)} />}
		</>
	);
}

function TypeDialog(props: { type: AlertType; onClose: () => void }) {
	const { t, word, language } = useTranslation();
	const client = useQueryClient();
	const id = useId();
	const [draft, setDraft] = useState(props.type);
	const save = useMutation({
		mutationFn: () =>
			call("POST", `/alerttypes/${draft.ID}`, {
				enabled: draft.enabled,
				emailEnabled: draft.emailEnabled,
				severity: draft.severity,
				threshold: draft.threshold,
				window: draft.window,
			}),
		onSuccess: () => {
			client.invalidateQueries({ queryKey: ["alerttypes"] });
			client.invalidateQueries({ queryKey: ["alerts"] });
			props.onClose();
		},
	});
	const check = (name: "enabled" | "emailEnabled", label: string) => (
		<label className="yg-check">
			<input type="checkbox" checked={draft[name]} onChange={(e) => setDraft({ ...draft, [name]: e.target.checked })} />{" "}
			{label}
		</label>
	);
	const count = (name: "threshold" | "window", label: string, max: number) => (
		<div className="yg-field">
			<label htmlFor={`${id}-${name}`}>{label}</label>
			<TextInput
				id={`${id}-${name}`}
				type="number"
				className="yg-number"
				min={1}
				max={max}
				value={String(draft[name])}
				onChange={(_e, v) => setDraft({ ...draft, [name]: Math.min(max, Math.max(1, Number(v) || 1)) })}
			/>
		</div>
	);
	return (
		<Dialog
			title={props.type.title[language]}
			onClose={props.onClose}
			footer={
				<>
					<Button isDisabled={save.isPending} onClick={() => save.mutate()}>
						{t("editor.save")}
					</Button>
					<Button variant="link" onClick={props.onClose}>
						{t("common.cancel")}
					</Button>
				</>
			}
		>
			{check("enabled", t("alert.raise"))}
			{check("emailEnabled", t("alert.mail"))}
			<div className="yg-field">
				<label htmlFor={`${id}-severity`}>{t("alert.severity")}</label>
				<FormSelect
					id={`${id}-severity`}
					value={draft.severity}
					onChange={(_e, v) => setDraft({ ...draft, severity: v as AlertType["severity"] })}
				>
					{(["critical", "warning"] as const).map((s) => (
						<FormSelectOption key={s} value={s} label={word("alertSeverity", s)} />
					))}
				</FormSelect>
			</div>
			{count("threshold", t("alert.threshold"), 10000)}
			{count("window", t("alert.window"), 10080)}
			<p className="yg-note">{t(props.type.endsByItself ? "alert.endsByItself" : "alert.endsByHand")}</p>
			{save.error && <Problem error={save.error} />}
		</Dialog>
	);
}

/** Which alerts there are, whether they are raised, mailed, and from how many events on. */
export function AlertTypes() {
	const { t, word, language, number } = useTranslation();
	const [search, setSearch] = useSearch({ q: "", sort: "title", cols: "", open: "" });
	const types = useAlertTypes();
	const rows = useMemo(() => types.data?.filter((x) => x.raisedByEvents), [types.data]);
	const columns = useMemo((): Column<AlertType>[] => {
		const yes = (on: boolean) => t(on ? "common.on" : "common.off");
		return [
			{
				key: "title",
				label: t("alert.what"),
				width: 24,
				fixed: true,
				sort: (x) => x.title[language],
				cell: (x) => (
					<Button variant="link" isInline onClick={() => setSearch({ open: String(x.ID) })}>
						{x.title[language]}
					</Button>
				),
			},
			{
				key: "enabled",
				label: t("alert.raise"),
				width: 8,
				sort: (x) => yes(x.enabled),
				cell: (x) => <Status state={x.enabled ? "active" : "inactive"}>{yes(x.enabled)}</Status>,
			},
			{
				key: "severity",
				label: t("alert.severity"),
				width: 8,
				sort: (x) => word("alertSeverity", x.severity),
				cell: (x) => <Status state={looks[x.severity]}>{word("alertSeverity", x.severity)}</Status>,
			},
			{
				key: "mail",
				label: t("alert.mail"),
				width: 8,
				sort: (x) => yes(x.emailEnabled),
				cell: (x) => yes(x.emailEnabled),
			},
			{
				key: "threshold",
				label: t("alert.threshold"),
				width: 8,
				sort: (x) => x.threshold,
				cell: (x) => number(x.threshold),
			},
			{ key: "window", label: t("alert.window"), width: 8, sort: (x) => x.window, cell: (x) => number(x.window) },
		];
	}, [t, word, language, number, setSearch]);
	const open = types.data?.find((x) => String(x.ID) === search.open);
	return (
		<>
			<PageHead title={t("alert.types")} trail={[{ text: t("nav.alerts"), to: href("alerts", {}) }]} />
			<AlertTabs current="alertTypes" />
			<Grid
				id="alerttypes"
				label={t("alert.types")}
				columns={columns}
				rows={rows}
				rowKey={(x) => x.ID}
				error={types.error}
				retry={types.refetch}
				search={search}
				onSearch={setSearch}
				empty={<Nothing title={t("grid.noneMatch")} />}
			/>
			{open && <TypeDialog key={open.ID} type={open} onClose={() => setSearch({ open: "" })} />}
		</>
	);
}
