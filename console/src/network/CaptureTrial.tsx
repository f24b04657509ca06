import { Button } from "@patternfly/react-core";
import { useMutation } from "@tanstack/react-query";
import { useId, useRef } from "react";
import { ApiError, call } from "../api/client";
import { valueText } from "../events/words";
import { useTranslation } from "../i18n";
import { useEditor } from "../inherit/Editor";
import { refusalText } from "../objects/refusals";
import { href, Link } from "../router/router";
import { Card, Facts, Problem } from "../ui/parts";

interface PacketVerdict {
	packet: number;
	direction: "incoming" | "outgoing";
	sourceIP?: string;
	sourcePort?: number;
	destinationIP?: string;
	destinationPort?: number;
	verdict: "pass" | "drop";
	wouldDrop: boolean;
	ruleID?: number;
	rule?: string;
	reason?: string;
}

interface Replay {
	packets: number;
	unreadable: number;
	passed: number;
	dropped: number;
	events: number;
	complete: boolean;
	verdicts: PacketVerdict[];
}

const BYTES_MAX = 16 << 20;

const base64 = (file: File): Promise<string> =>
	new Promise((resolve, reject) => {
		const reader = new FileReader();
		reader.onload = () => resolve(String(reader.result).replace(/^.*,/, ""));
		reader.onerror = () => reject(reader.error);
		reader.readAsDataURL(file);
	});

const end = (ip?: string, port?: number) => (port === undefined ? (ip ?? "") : `${ip} : ${port}`);

function Verdicts(props: { of: Replay }) {
	const { t, language } = useTranslation();
	const r = props.of;
	return (
		<Card title={t("simulator.answer")}>
			<Facts
				items={[
					[t("replay.packets"), String(r.packets)],
					[t("replay.passed"), String(r.passed)],
					[t("replay.dropped"), String(r.dropped)],
					[t("replay.events"), String(r.events)],
				]}
			/>
			<table className="yg-table">
				<caption className="yg-note">{t(r.complete ? "replay.all" : "replay.first")}</caption>
				<thead>
					<tr>
						<th scope="col">{t("replay.number")}</th>
						<th scope="col">{t("replay.source")}</th>
						<th scope="col">{t("replay.destination")}</th>
						<th scope="col">{t("replay.verdict")}</th>
						<th scope="col">{t("simulator.by")}</th>
					</tr>
				</thead>
				<tbody>
					{r.verdicts.map((v) => (
						<tr key={v.packet}>
							<td>{v.packet}</td>
							<td>{end(v.sourceIP, v.sourcePort)}</td>
							<td>{end(v.destinationIP, v.destinationPort)}</td>
							<td>{t(v.wouldDrop ? "replay.wouldDrop" : v.verdict === "drop" ? "replay.drop" : "replay.pass")}</td>
							<td>
								{v.ruleID ? (
									<Link to={href("object", { kind: "firewallrules", id: v.ruleID })}>{v.rule}</Link>
								) : (
									v.reason && valueText(language, "Reason", v.reason)
								)}
							</td>
						</tr>
					))}
				</tbody>
			</table>
		</Card>
	);
}

/** The same question about every packet of a capture: a pcap or pcapng file is replayed by the agent's engine. */
export function CaptureTrial() {
	const { t, language } = useTranslation();
	const [level] = useEditor().levels;
	const file = useRef<HTMLInputElement>(null);
	const id = useId();
	const ask = useMutation({
		mutationFn: async () => {
			const chosen = file.current?.files?.[0];
			if (!chosen) throw new ApiError(400, "", t("replay.none"));
			if (chosen.size > BYTES_MAX) throw new ApiError(400, "", t("replay.tooLarge"));
			return call<Replay>("POST", `/${level.kind}/${level.id}/firewall/simulate`, {
				capture: await base64(chosen),
				utcOffset: -60 * new Date().getTimezoneOffset(),
			});
		},
	});
	const message = ask.error instanceof ApiError && ask.error.status === 400 ? ask.error.message : null;
	return (
		<>
			<h3>{t("replay.title")}</h3>
			<p className="yg-note">{t("replay.about")}</p>
			<form
				className="yg-module"
				noValidate
				onSubmit={(e) => {
					e.preventDefault();
					ask.mutate();
				}}
			>
				<label htmlFor={id}>{t("replay.file")}</label>
				<input id={id} ref={file} type="file" accept=".pcap,.pcapng,.cap" onChange={() => ask.reset()} />
				<Button type="submit" variant="secondary" isDisabled={ask.isPending}>
					{t("replay.ask")}
				</Button>
				{message && <span className="yg-wrong">{refusalText(language, () => t("replay.file"), message)}</span>}
			</form>
			{ask.error && !message && <Problem error={ask.error} />}
			<div role="status">{ask.data && <Verdicts of={ask.data} />}</div>
		</>
	);
}
