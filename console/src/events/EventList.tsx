import { Button, Label } from "@patternfly/react-core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import { useEventClasses } from "../api/queries";
import type { EventClass, SecurityEvent } from "../api/types";
import type { Column } from "../grid/columns";
import { Grid, type GridSearch } from "../grid/Grid";
import { useTranslation } from "../i18n";
import { useArrived } from "../live/Live";
import { Icon } from "../ui/icons";
import { Nothing } from "../ui/parts";
import { type ClassName, classes, loadEvents, type Page } from "./load";
import { merge, newer } from "./merge";
import { fieldLabel, sentenceOf, valueText } from "./words";

const severities = { info: "blue", warning: "orange", error: "red" } as const;

export function Severity(props: { of: SecurityEvent["severity"] }) {
	const { word } = useTranslation();
	return (
		<Label
			isCompact
			color={severities[props.of] ?? "grey"}
			icon={<Icon name={props.of in severities ? props.of : "info"} />}
		>
			{word("severity", props.of)}
		</Label>
	);
}

/** Fields that stand as columns at once; every other field of the class can be chosen. */
const usual: Record<ClassName, string[]> = {
	antimalware: ["ScanResultString", "ProcessName", "User"],
	firewall: ["ActionString", "DirectionString", "Protocol", "DestinationPort", "RepeatCount"],
	intrusionprevention: ["ActionString", "DirectionString", "ApplicationType", "SourceIP", "DestinationPort", "CVE"],
	integritymonitoring: ["ChangeString", "EntityType", "Key", "Severity", "Description"],
	loginspection: [
		"OSSEC_Level",
		"Severity",
		"OSSEC_ProgramName",
		"OSSEC_SourceIP",
		"OSSEC_DestinationUser",
		"OSSEC_FullLog",
	],
	system: ["ActionBy"],
};
const wide = new Set([
	"InfectedFilePath",
	"Before",
	"After",
	"Description",
	"ProcessName",
	"Reason",
	"Key",
	"OSSEC_FullLog",
]);

function useColumns(name: ClassName, cls: EventClass | undefined, open: (id: number) => void): Column<SecurityEvent>[] {
	const { t, time, word, language } = useTranslation();
	return useMemo(() => {
		const field = (key: string): Column<SecurityEvent> => ({
			key,
			label: fieldLabel(cls, key, language),
			width: wide.has(key) ? 10 : key === "User" ? 5 : 8,
			extra: !usual[name].includes(key),
			text: (e) => (e[key] === undefined ? "" : valueText(language, key, e[key])),
			cell: (e) => (e[key] === undefined ? "" : valueText(language, key, e[key])),
		});
		const sentence = (e: SecurityEvent) => sentenceOf(e, cls, language);
		return [
			{
				key: "logDate",
				label: t("events.time"),
				width: 12.5,
				fixed: true,
				sort: (e) => e.logDate,
				text: (e) => time(e.logDate),
				cell: (e) => (
					<button type="button" className="yg-link" data-row="" onClick={() => open(e.ID)}>
						{time(e.logDate)}
					</button>
				),
			},
			{
				key: "severity",
				label: t("events.severity"),
				width: 7,
				text: (e) => word("severity", e.severity),
				cell: (e) => <Severity of={e.severity} />,
			},
			{ key: "hostName", label: t("events.computer"), width: 7, text: (e) => e.hostName, cell: (e) => e.hostName },
			{ key: "sentence", label: t("events.event"), width: 20, fixed: true, text: sentence, cell: sentence },
			...(cls?.fields ?? []).map((f) => field(f.name)),
		];
	}, [name, cls, language, t, time, word, open]);
}

/** Events of one class, live; of one computer or of all. */
export function EventList(props: {
	name: ClassName;
	computer: string;
	search: GridSearch & { open: string };
	onSearch: (change: Partial<GridSearch & { open: string }>, how?: { replace?: boolean }) => void;
	/** The events as shown, so that a panel can walk through them. */
	onShown?: (events: SecurityEvent[]) => void;
}) {
	const { t } = useTranslation();
	const client = useQueryClient();
	const { name, search, onSearch } = props;
	const cls = useEventClasses().data?.find((c) => c.name === name);
	const oldestFirst = search.sort === "logDate";
	const wanted = { name, q: search.q, computer: props.computer, oldestFirst };
	const key = ["events", name, search.q, props.computer, oldestFirst];
	const page = useQuery({ queryKey: key, queryFn: () => loadEvents(wanted) });
	const arrived = useArrived(name).filter((e) => !props.computer || String(e.computerID) === props.computer);
	const shown = page.data?.events;
	const fresh = search.q || oldestFirst || !shown ? [] : newer(shown, arrived);
	const columns = useColumns(
		name,
		cls,
		useMemo(() => (id: number) => onSearch({ open: String(id) }), [onSearch]),
	);
	const put = (events: SecurityEvent[], next?: string) => client.setQueryData<Page>(key, { events, next });

	async function more() {
		if (!page.data?.next || !shown) return;
		const next = await loadEvents(wanted, page.data.next);
		put(oldestFirst ? [...shown, ...next.events] : merge(shown, next.events), next.next);
	}

	return (
		<Grid
			id={`events-${name}`}
			label={t(classes[name].title)}
			columns={columns}
			rows={shown}
			rowKey={(e) => e.ID}
			current={search.open ? Number(search.open) : undefined}
			error={page.error}
			retry={page.refetch}
			search={search}
			onSearch={onSearch}
			remote
			more={page.data?.next ? more : undefined}
			tools={
				fresh.length > 0 && (
					<Button variant="secondary" onClick={() => put(merge(shown ?? [], fresh), page.data?.next)}>
						{t("grid.fresh", { count: fresh.length })}
					</Button>
				)
			}
			empty={<Nothing title={t("events.none")}>{t(classes[name].empty)}</Nothing>}
		/>
	);
}
