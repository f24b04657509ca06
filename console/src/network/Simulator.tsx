import { Button } from "@patternfly/react-core";
import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { ApiError, call } from "../api/client";
import { valueText } from "../events/words";
import { useTranslation } from "../i18n";
import { useEditor } from "../inherit/Editor";
import { ObjectForm } from "../objects/Form";
import { bodyOf, type Draft, fieldNamed } from "../objects/fields";
import { refusalText } from "../objects/refusals";
import { href, Link } from "../router/router";
import { Card, Facts, Problem, Status } from "../ui/parts";
import { CaptureTrial } from "./CaptureTrial";
import { packetGroups, packetStart } from "./packet";

interface RuleSeen {
	/** Absent: a hidden rule. */
	ID?: number;
	name: string;
	action: string;
	priority: number;
	hidden: boolean;
}

interface Verdict {
	verdict: "pass" | "drop";
	decidedBy: "rule" | "default" | "state" | "packet" | "off";
	wouldDrop?: boolean;
	rule?: RuleSeen;
	noted?: RuleSeen;
	reason?: string;
	rulesThatFit?: RuleSeen[];
	mode: "Inline" | "Tap";
}

function RuleName(props: { rule: RuleSeen }) {
	const { t, word } = useTranslation();
	const { rule } = props;
	const name = rule.ID ? (
		<Link to={href("object", { kind: "firewallrules", id: rule.ID })}>{rule.name}</Link>
	) : (
		<span>{rule.name}</span>
	);
	return (
		<span className="yg-module">
			{name}
			<span className="yg-note">
				{word("fwAction", rule.action)}
				{t("common.comma")}
				{word("fwPriority", String(rule.priority))}
				{rule.hidden && t("common.comma") + t("simulator.hidden")}
			</span>
		</span>
	);
}

/** What would happen, who decides, and which rules fit before that one. */
function Answer(props: { of: Verdict }) {
	const { t, word, language } = useTranslation();
	const v = props.of;
	const dropped = v.verdict === "drop" || v.wouldDrop === true;
	const fit = v.rulesThatFit ?? [];
	return (
		<Card title={t("simulator.answer")}>
			<p className="yg-sentence">
				<Status state={dropped ? "error" : "active"}>
					{t(v.wouldDrop ? "simulator.wouldDrop" : dropped ? "simulator.drop" : "simulator.pass")}
				</Status>
			</p>
			<Facts
				items={[
					[t("simulator.by"), word("decidedBy", v.decidedBy)],
					...(v.rule
						? ([[t("kind.firewallrules.one"), <RuleName key="rule" rule={v.rule} />]] as [string, ReactNode][])
						: []),
					...(v.noted
						? ([[t("simulator.noted"), <RuleName key="noted" rule={v.noted} />]] as [string, ReactNode][])
						: []),
					...(v.reason
						? ([[t("simulator.reason"), valueText(language, "Reason", v.reason)]] as [string, string][])
						: []),
					[t("fw.mode"), word("engineMode", v.mode)],
				]}
			/>
			{fit.length > 0 && (
				<>
					<h3>{t("simulator.fit")}</h3>
					<ol className="yg-plain">
						{fit.map((r) => (
							<li key={`${r.ID}-${r.name}`}>
								<RuleName rule={r} />
							</li>
						))}
					</ol>
				</>
			)}
		</Card>
	);
}

/** Would this packet pass here, and which rule decides? Asked of the agent's own engine with the policy in force. */
export function Simulator() {
	const { t, language } = useTranslation();
	const [level] = useEditor().levels;
	const [value, setValue] = useState<Draft>(packetStart);
	const ask = useMutation({
		mutationFn: () =>
			call<Verdict>("POST", `/${level.kind}/${level.id}/firewall/simulate`, {
				...bodyOf(packetGroups, {}, value),
				utcOffset: -60 * new Date().getTimezoneOffset(),
			}),
	});
	const message = ask.error instanceof ApiError && ask.error.status === 400 ? ask.error.message : null;
	const fields = packetGroups.flatMap((g) => g.fields);
	const label = (name: string) => {
		const f = fields.find((x) => x.name === name);
		return f ? t(f.label) : name;
	};
	const field = message && fieldNamed(packetGroups, value, message);
	const refused = message && refusalText(language, label, message);
	return (
		<>
			<p className="yg-note">{t("simulator.about")}</p>
			<form
				className="yg-object"
				noValidate
				onSubmit={(e) => {
					e.preventDefault();
					ask.mutate();
				}}
			>
				<ObjectForm
					groups={packetGroups}
					value={value}
					problem={field && refused ? { field, text: refused } : null}
					onChange={(n, v) => {
						ask.reset();
						setValue((old) => ({ ...old, [n]: v }));
					}}
				/>
				<div className="yg-module">
					<Button type="submit" isDisabled={ask.isPending}>
						{t("simulator.ask")}
					</Button>
					{refused && !field && <span className="yg-wrong">{refused}</span>}
				</div>
				{ask.error && !message && <Problem error={ask.error} />}
			</form>
			<div role="status">{ask.data && <Answer of={ask.data} />}</div>
			<CaptureTrial />
		</>
	);
}
