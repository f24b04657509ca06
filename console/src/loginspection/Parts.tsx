import { SearchInput } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { call } from "../api/client";
import { useTranslation } from "../i18n";
import { Card, Problem, Waiting } from "../ui/parts";

interface Decoder {
	name: string;
	parent?: string;
	rule: string;
	line: number;
}
interface Rule {
	ruleID: number;
	level: number;
	description?: string;
	groups: string[];
	rule: string;
	line: number;
}
interface Wrong {
	rule: string;
	line: number;
	text: string;
}

const has = (q: string, ...texts: (string | number | undefined)[]) =>
	texts.some((x) =>
		String(x ?? "")
			.toLowerCase()
			.includes(q.toLowerCase()),
	);

/** The decoders and rules that hold here, and what is wrong with them. */
export function Parts(props: { of: string; id: number }) {
	const { t } = useTranslation();
	const [q, setQ] = useState("");
	const set = useQuery({
		queryKey: [props.of, props.id, "loginspection", "decoders"],
		queryFn: () =>
			call<{ decoders: Decoder[]; rules: Rule[]; problems: Wrong[] }>(
				"GET",
				`/${props.of}/${props.id}/loginspection/decoders`,
			),
	});
	if (set.error && !set.data) return <Problem error={set.error} retry={set.refetch} />;
	if (!set.data) return <Waiting />;
	const decoders = set.data.decoders.filter((d) => has(q, d.name, d.parent, d.rule));
	const rules = set.data.rules.filter((r) => has(q, r.ruleID, r.description, r.rule, ...r.groups));
	return (
		<>
			<SearchInput
				aria-label={t("logs.search")}
				placeholder={t("logs.search")}
				value={q}
				onChange={(_e, v) => setQ(v)}
				onClear={() => setQ("")}
			/>
			{set.data.problems.length > 0 && (
				<Card title={t("logs.problems")}>
					<ul className="yg-plain">
						{set.data.problems.map((p) => (
							<li key={`${p.rule}-${p.line}-${p.text}`}>
								{t("logs.problem", { rule: p.rule, line: p.line, text: p.text })}
							</li>
						))}
					</ul>
				</Card>
			)}
			<Card title={t("logs.countDecoders", { count: decoders.length })}>
				<table className="yg-table">
					<thead>
						<tr>
							<th scope="col">{t("object.name")}</th>
							<th scope="col">{t("logs.parent")}</th>
							<th scope="col">{t("logs.from")}</th>
						</tr>
					</thead>
					<tbody>
						{decoders.map((d) => (
							<tr key={`${d.rule}-${d.line}-${d.name}`}>
								<td>{d.name}</td>
								<td>{d.parent ?? ""}</td>
								<td>{t("logs.place", { rule: d.rule, line: d.line })}</td>
							</tr>
						))}
					</tbody>
				</table>
			</Card>
			<Card title={t("logs.countRules", { count: rules.length })}>
				<table className="yg-table">
					<thead>
						<tr>
							<th scope="col">{t("logs.number")}</th>
							<th scope="col">{t("logs.level")}</th>
							<th scope="col">{t("common.description")}</th>
							<th scope="col">{t("logs.groups")}</th>
							<th scope="col">{t("logs.from")}</th>
						</tr>
					</thead>
					<tbody>
						{rules.map((r) => (
							<tr key={r.ruleID}>
								<td>{r.ruleID}</td>
								<td>{r.level}</td>
								<td>{r.description ?? ""}</td>
								<td>{r.groups.join(t("common.comma"))}</td>
								<td>{t("logs.place", { rule: r.rule, line: r.line })}</td>
							</tr>
						))}
					</tbody>
				</table>
			</Card>
		</>
	);
}
