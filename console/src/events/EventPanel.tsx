import { useQuery, useQueryClient } from "@tanstack/react-query";
import { lazy, type ReactNode, Suspense } from "react";
import { call } from "../api/client";
import { useEventClasses } from "../api/queries";
import type { SecurityEvent } from "../api/types";
import { Panel } from "../frame/Panel";
import { useTranslation } from "../i18n";
import { href, Link } from "../router/router";
import { Facts, Problem, Waiting } from "../ui/parts";
import { Cves } from "./Cves";
import { Severity } from "./EventList";
import type { ClassName, Page } from "./load";
import { Packet } from "./Packet";
import { fieldLabel, sentenceOf, valueText } from "./words";

const RuleDeeds = lazy(() => import("../network/RuleDeeds"));

/** JSON of audit events reads better on lines of its own; numbers of weaknesses lead to their records. */
function Value(props: { text: string }) {
	const cves = props.text.match(/^CVE-\d+-\d+(?:[,\s]+CVE-\d+-\d+)*$/) && props.text.match(/CVE-\d+-\d+/g);
	if (cves) return <Cves of={cves} />;
	if (!props.text.startsWith("{")) return props.text;
	let text = props.text;
	try {
		text = JSON.stringify(JSON.parse(props.text), null, 2);
	} catch {
		// shown as it came
	}
	return <pre className="yg-raw">{text}</pre>;
}

/** Shown as a dump of its own. */
const packetFields = new Set(["PacketData", "DataFlags"]);
const CUT = 2;

export function EventPanel(props: { name: ClassName; id: number; onClose: () => void }) {
	const { t, time, language } = useTranslation();
	const client = useQueryClient();
	const cls = useEventClasses().data?.find((c) => c.name === props.name);
	const listed = () =>
		client
			.getQueriesData<Page>({ queryKey: ["events", props.name] })
			.flatMap(([, page]) => page?.events ?? [])
			.find((e) => e.ID === props.id);
	const event = useQuery({
		queryKey: ["event", props.name, props.id],
		queryFn: () => call<SecurityEvent>("GET", `/events/${props.name}/${props.id}`),
		initialData: listed,
		staleTime: Number.POSITIVE_INFINITY,
	});
	const e = event.data;
	// A number whose word stands beside it says nothing more.
	const fields = (cls?.fields ?? []).filter(
		(f) => e?.[f.name] !== undefined && e[f.name] !== "" && !(`${f.name}String` in e) && !packetFields.has(f.name),
	);
	return (
		<Panel title={t("events.details")} onClose={props.onClose}>
			{event.error && <Problem error={event.error} retry={event.refetch} />}
			{!e && !event.error && <Waiting />}
			{e && (
				<>
					<p className="yg-sentence">{sentenceOf(e, cls, language)}</p>
					<p>
						<Severity of={e.severity} />
					</p>
					<Facts
						items={[
							[t("events.time"), time(e.logDate)],
							[t("events.received"), time(e.received)],
							[
								t("events.computer"),
								e.computerID ? (
									<Link key="computer" to={href("computer", { id: e.computerID })}>
										{e.hostName || String(e.computerID)}
									</Link>
								) : (
									"–"
								),
							],
							[t("events.number"), String(e.number)],
							...fields.map((f): [string, ReactNode] => [
								fieldLabel(cls, f.name, language),
								f.type === "time" ? (
									time(Number(e[f.name]))
								) : (
									<Value key={f.name} text={valueText(language, f.name, e[f.name])} />
								),
							]),
						]}
					/>
					{e.PacketData && <Packet base64={String(e.PacketData)} cut={(Number(e.DataFlags ?? 0) & CUT) !== 0} />}
					{Number(e.RuleID ?? 0) > 0 &&
						e.computerID > 0 &&
						(props.name === "firewall" || props.name === "intrusionprevention") && (
							<Suspense>
								<RuleDeeds
									module={props.name === "firewall" ? "fw" : "ip"}
									rule={Number(e.RuleID)}
									computer={e.computerID}
								/>
							</Suspense>
						)}
				</>
			)}
		</Panel>
	);
}
