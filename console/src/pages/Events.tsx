import { Button, Label, TextInput, Title, Toolbar, ToolbarContent, ToolbarItem } from "@patternfly/react-core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call, type EventKind, type SecurityEvent } from "../api";
import { merge, newer } from "../events";
import { useTranslation } from "../i18n";
import { DataTable, Listing, Row } from "../parts";

type Class = "antimalware" | "system";
const listKeys = { antimalware: "antiMalwareEvents", system: "systemEvents" } as const;

interface Page {
	events: SecurityEvent[];
	next?: string;
}

async function load(name: Class, filter: string, before?: string): Promise<Page> {
	const query = new URLSearchParams({ maxItems: "100", ...(filter && { q: filter }), ...(before && { before }) });
	const answer = await call<Record<string, SecurityEvent[]> & { next?: string }>("GET", `/events/${name}?${query}`);
	return { events: answer[listKeys[name]] ?? [], next: answer.next };
}

/** The kind's sentence in the reader's language; the manager's English one when the kind is not known here. */
function sentence(e: SecurityEvent, kinds: EventKind[] | undefined, language: "en" | "ja"): string {
	const text = kinds?.find((k) => k.name === e.kind)?.sentence[language];
	return text ? text.replace(/\{(\w+)\}/g, (_m, field: string) => String(e[field] ?? "")) : e.sentence;
}

const colours = { info: "blue", warning: "orange", error: "red" } as const;

export function Events(props: { name: Class; arrived: SecurityEvent[] }) {
	const { t, time, word, language } = useTranslation();
	const client = useQueryClient();
	const [filter, setFilter] = useState("");
	const key = ["events", props.name, filter];
	const page = useQuery({ queryKey: key, queryFn: () => load(props.name, filter) });
	const classes = useQuery({
		queryKey: ["classes"],
		queryFn: () => call<{ classes: { name: string; kinds: EventKind[] }[] }>("GET", "/events/classes"),
		staleTime: Number.POSITIVE_INFINITY,
	});
	const kinds = classes.data?.classes.find((c) => c.name === props.name)?.kinds;
	const shown = page.data?.events ?? [];
	const fresh = filter ? [] : newer(shown, props.arrived);
	const title = t(props.name === "antimalware" ? "nav.antimalware" : "nav.system");

	async function older() {
		if (!page.data?.next) return;
		const more = await load(props.name, filter, page.data.next);
		client.setQueryData<Page>(key, { events: merge(shown, more.events), next: more.next });
	}

	return (
		<>
			<Title headingLevel="h1">{title}</Title>
			<Toolbar>
				<ToolbarContent>
					<ToolbarItem>
						<TextInput
							type="search"
							aria-label={t("common.filter")}
							placeholder={t("common.filter")}
							value={filter}
							onChange={(_e, v) => setFilter(v)}
						/>
					</ToolbarItem>
					{fresh.length > 0 && (
						<ToolbarItem>
							<Button
								variant="secondary"
								onClick={() => client.setQueryData<Page>(key, { events: merge(shown, fresh), next: page.data?.next })}
							>
								{t("common.new", { count: fresh.length })}
							</Button>
						</ToolbarItem>
					)}
				</ToolbarContent>
			</Toolbar>
			<Listing
				loading={page.isLoading}
				error={page.error}
				retry={page.refetch}
				empty={shown.length === 0 && fresh.length === 0 ? t("events.empty") : null}
			>
				<DataTable
					label={title}
					head={[
						t("events.time"),
						t("events.computer"),
						t("events.event"),
						...(props.name === "antimalware" ? [t("events.action"), t("events.process"), t("events.user")] : []),
					]}
				>
					{shown.map((e) => (
						<Row
							key={e.ID}
							cells={[
								time(e.logDate),
								e.hostName,
								<>
									<Label isCompact color={colours[e.severity as keyof typeof colours] ?? "grey"}>
										{word("severity", e.severity)}
									</Label>{" "}
									{sentence(e, kinds, language)}
								</>,
								...(props.name === "antimalware" ? [e.ScanResultString ?? "", e.ProcessName ?? "", e.User ?? ""] : []),
							]}
						/>
					))}
				</DataTable>
				{page.data?.next && (
					<Button variant="link" onClick={older}>
						{t("common.more")}
					</Button>
				)}
			</Listing>
		</>
	);
}
