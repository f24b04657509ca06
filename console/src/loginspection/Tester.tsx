import { Button, TextArea } from "@patternfly/react-core";
import { useMutation } from "@tanstack/react-query";
import { useId } from "react";
import { call } from "../api/client";
import { useTranslation } from "../i18n";
import { Card, Facts, Problem } from "../ui/parts";

interface Tried {
	ruleID: number;
	level: number;
	depth: number;
	description?: string;
	rule?: string;
	matched: boolean;
}
interface Judged {
	decoder?: string;
	program?: string;
	hostname?: string;
	message?: string;
	fields: Record<string, string>;
	ruleID?: number;
	level?: number;
	description?: string;
	rule?: string;
	event?: boolean;
	cut?: string;
	tried: Tried[];
}

function Answer(props: { line: string; of: Judged }) {
	const { t } = useTranslation();
	const j = props.of;
	const none = t("logs.none");
	const items: [string, string][] = [
		[t("logs.decoder"), j.decoder ?? none],
		...Object.entries(j.fields),
		[t("logs.rule"), j.ruleID === undefined ? none : `${j.ruleID} ${j.description ?? ""} (${j.rule ?? ""})`],
		...(j.level === undefined ? [] : ([[t("logs.level"), String(j.level)]] as [string, string][])),
		[t("logs.event"), t(j.event ? "common.yes" : "common.no")],
		...(j.cut ? ([[t("logs.cut"), j.cut]] as [string, string][]) : []),
	];
	return (
		<Card title={props.line.length > 100 ? `${props.line.slice(0, 100)}…` : props.line}>
			<Facts items={items} />
			<h3>{t("logs.tried")}</h3>
			{j.tried.length === 0 && <p className="yg-note">{none}</p>}
			<ol className="yg-plain">
				{j.tried.map((r, i) => (
					// biome-ignore lint/suspicious/noArrayIndexKey: a path never changes its order
					<li key={`${i}-${r.ruleID}`} style={{ paddingInlineStart: `${r.depth * 1.5}rem` }}>
						{r.matched ? "✓" : "–"} {r.ruleID} {r.description}
						<span className="yg-note">
							{" "}
							{t("logs.level")} {r.level}
							{t("common.comma")}
							{t(r.matched ? "logs.matched" : "logs.unmatched")}
						</span>
					</li>
				))}
			</ol>
		</Card>
	);
}

/** Lines that somebody pastes, judged by the agent's own engine with the rules that are in force here. */
export function Tester(props: { of: string; id: number; lines: string; onLines: (v: string) => void }) {
	const { t } = useTranslation();
	const id = useId();
	const wanted = props.lines.split("\n").filter((l) => l.trim() !== "");
	const ask = useMutation({
		mutationFn: (lines: string[]) =>
			call<{ lines: Judged[] }>("POST", `/${props.of}/${props.id}/loginspection/test`, { lines }),
	});
	return (
		<>
			<form
				onSubmit={(e) => {
					e.preventDefault();
					ask.mutate(wanted);
				}}
			>
				<label htmlFor={id}>{t("logs.lines")}</label>
				<p className="yg-note">{t("logs.testerNote")}</p>
				<TextArea id={id} rows={6} value={props.lines} onChange={(_e, v) => props.onLines(v)} />
				<Button type="submit" isDisabled={wanted.length === 0 || ask.isPending}>
					{t("logs.try")}
				</Button>
				{ask.error && <Problem error={ask.error} />}
			</form>
			<div role="status">
				{ask.data?.lines.map((j, i) => (
					// biome-ignore lint/suspicious/noArrayIndexKey: lines have no other name
					<Answer key={i} line={ask.variables?.[i] ?? ""} of={j} />
				))}
			</div>
		</>
	);
}
