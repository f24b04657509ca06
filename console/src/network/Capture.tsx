import { Button, FormGroup, Switch } from "@patternfly/react-core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { ApiError, call } from "../api/client";
import { useTranslation } from "../i18n";
import { refusalText } from "../objects/refusals";
import { href, Link } from "../router/router";
import { Card, Facts, Problem, Status } from "../ui/parts";
import "./words";

/** What the API takes of a capture, in bytes. */
const LARGEST = 5 * 1024 * 1024;

interface Found {
	packet: number;
	time?: number;
	ruleID?: number;
	ruleName: string;
	signatureID: number;
	message: string;
	action: string;
	ruleAction: string;
	sourceIP?: string;
	sourcePort?: number;
	destinationIP?: string;
	destinationPort?: number;
	applicationProtocol?: string;
	buffer?: string;
	positionInBuffer?: number;
	note?: string;
}

interface Answer {
	alerts: Found[];
	alertsLeftOut: number;
	problems: { rule: string; line: number; column: number; problem: string }[];
	rules: number;
	packets: number;
	connections: number;
	bytes: number;
	notInspected: number;
	dropped: number;
}

/** The file as base64, without the address's beginning. */
function read(file: File): Promise<string> {
	return new Promise((done, failed) => {
		const reader = new FileReader();
		reader.onerror = () => failed(reader.error);
		reader.onload = () => done(String(reader.result).replace(/^[^,]*,/, ""));
		reader.readAsDataURL(file);
	});
}

function end(ip?: string, port?: number) {
	if (!ip) return "–";
	return port === undefined ? ip : `${ip.includes(":") ? `[${ip}]` : ip}:${port}`;
}

function Alerts(props: { of: Found[] }) {
	const { t, word } = useTranslation();
	return (
		<div className="yg-capture">
			<table aria-label={t("capture.found")}>
				<thead>
					<tr>
						<th scope="col">{t("capture.packet")}</th>
						<th scope="col">{t("kind.intrusionpreventionrules.one")}</th>
						<th scope="col">{t("rule.action")}</th>
						<th scope="col">{t("capture.from")}</th>
						<th scope="col">{t("capture.to")}</th>
						<th scope="col">{t("capture.where")}</th>
					</tr>
				</thead>
				<tbody>
					{props.of.map((a, i) => (
						// biome-ignore lint/suspicious/noArrayIndexKey: the list never changes, and nothing else is unique
						<tr key={i}>
							<td>{a.packet}</td>
							<td>
								{a.ruleID ? (
									<Link to={href("object", { kind: "intrusionpreventionrules", id: a.ruleID })}>{a.ruleName}</Link>
								) : (
									a.ruleName || a.message
								)}
							</td>
							<td>
								{word("ipsAction", a.action)}
								{a.action !== a.ruleAction && (
									<span className="yg-note">{t("capture.would", { action: word("ipsAction", a.ruleAction) })}</span>
								)}
							</td>
							<td className="yg-mono">{end(a.sourceIP, a.sourcePort)}</td>
							<td className="yg-mono">{end(a.destinationIP, a.destinationPort)}</td>
							<td>
								{[a.applicationProtocol, a.buffer, a.note].filter(Boolean).join(t("common.comma"))}
								{a.positionInBuffer !== undefined &&
									t("common.comma") + t("capture.position", { at: a.positionInBuffer })}
							</td>
						</tr>
					))}
				</tbody>
			</table>
		</div>
	);
}

function Outcome(props: { of: Answer }) {
	const { t, number, bytes } = useTranslation();
	const a = props.of;
	return (
		<Card title={t("simulator.answer")}>
			<p className="yg-sentence">
				<Status state={a.alerts.length ? "error" : "active"}>
					{a.alerts.length ? t("capture.hits", { count: a.alerts.length + a.alertsLeftOut }) : t("capture.none")}
				</Status>
			</p>
			<Facts
				items={[
					[t("capture.rules"), number(a.rules)],
					[t("capture.packets"), number(a.packets)],
					[t("capture.connections"), number(a.connections)],
					[t("capture.inspected"), bytes(Math.max(0, a.bytes - a.notInspected))],
					[t("capture.dropped"), number(a.dropped)],
				]}
			/>
			{a.alerts.length > 0 && <Alerts of={a.alerts} />}
			{a.alertsLeftOut > 0 && <p className="yg-note">{t("capture.leftOut", { count: a.alertsLeftOut })}</p>}
			{a.problems.length > 0 && (
				<>
					<h3>{t("capture.problems")}</h3>
					<ul className="yg-plain">
						{a.problems.map((p) => (
							<li key={`${p.rule} ${p.line} ${p.column}`}>
								{p.rule}: {p.problem}
							</li>
						))}
					</ul>
				</>
			)}
		</Card>
	);
}

/** Rules on a capture that somebody has: those of a policy or computer, or one alone. Asked of the agent's own engine. */
export default function Capture(props: {
	rules: { policyID: number } | { computerID: number } | { ruleIDs: number[] };
}) {
	const { t, language, bytes } = useTranslation();
	const [file, setFile] = useState<File | null>(null);
	const [prevent, setPrevent] = useState(false);
	const ask = useMutation({
		mutationFn: async (of: File) =>
			call<Answer>("POST", "/intrusionpreventionrules/capture", {
				...props.rules,
				prevent,
				capture: await read(of),
			}),
	});
	const large = file !== null && file.size > LARGEST;
	const refused = ask.error instanceof ApiError && ask.error.status === 400 ? ask.error.message : null;
	return (
		<>
			<p className="yg-note">{t("capture.about")}</p>
			<form
				className="yg-scan-form"
				onSubmit={(e) => {
					e.preventDefault();
					if (file) ask.mutate(file);
				}}
			>
				<FormGroup label={t("capture.file")} fieldId="capture-file">
					<input
						id="capture-file"
						type="file"
						accept=".pcap,.pcapng,.cap"
						aria-describedby={large || refused ? "capture-problem" : undefined}
						onChange={(e) => {
							ask.reset();
							setFile(e.target.files?.[0] ?? null);
						}}
					/>
				</FormGroup>
				<Switch
					id="capture-prevent"
					label={t("capture.prevent")}
					isChecked={prevent}
					onChange={(_e, v) => {
						ask.reset();
						setPrevent(v);
					}}
				/>
				<Button type="submit" isDisabled={!file || large || ask.isPending}>
					{t("capture.try")}
				</Button>
			</form>
			{(large || refused) && (
				<p id="capture-problem" className="yg-wrong" role="alert">
					{large
						? t("capture.large", { size: bytes(LARGEST) })
						: refusalText(language, () => t("capture.file"), refused ?? "")}
				</p>
			)}
			{ask.error && !refused && <Problem error={ask.error} />}
			<div role="status">{ask.data && <Outcome of={ask.data} />}</div>
		</>
	);
}
