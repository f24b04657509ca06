import { Button, FormGroup, FormSelect, FormSelectOption, TextInput } from "@patternfly/react-core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { call } from "../api/client";
import { keys, useComputer } from "../api/queries";
import type { Job } from "../api/types";
import { useTranslation } from "../i18n";
import { isOpen, withJob } from "../live/fold";
import { href } from "../router/router";
import { Card, Facts, Nothing, PageHead, Problem, Waiting } from "../ui/parts";
import { nameOf } from "./Computers";
import "../network/words";

interface Entity {
	class: string;
	key: string;
	place: string;
	attributes?: Record<string, string> | string[];
	change?: string;
	before?: Record<string, string>;
	after?: Record<string, string>;
}

interface Page {
	root: string;
	made: number;
	entities: number;
	more: boolean;
	items?: Entity[];
	changes?: Entity[];
	kept: { root: string; made: number; entities: number; size: number }[];
}

interface Root {
	ID: number;
	root: string;
	made: number;
	entities: number;
	changes: number;
	proven: boolean;
}

const classes = ["", "File", "Directory", "User", "Group", "InstalledSoftware", "Service", "Port", "Process"];
/** How often a job is asked after; it mostly ends at once. */
const POLL_MS = 500;
const short = (root: string) => root.slice(0, 12);

/** The agent holds the baseline: a page of it is the result of a job. */
function usePage(computer: number) {
	const client = useQueryClient();
	const [id, setId] = useState(0);
	const ask = useMutation({
		mutationFn: (what: object) => call<Job>("POST", `/computers/${computer}/integritybaseline/search`, what),
		onSuccess: (job) => {
			client.setQueryData<Job[]>(keys.jobs, (jobs) => withJob(jobs, job));
			setId(job.ID);
		},
	});
	const job = useQuery({
		queryKey: ["baseline", id],
		enabled: id !== 0,
		queryFn: () => call<Job & { result?: Page }>("GET", `/jobs/${id}`),
		refetchInterval: (q) => (q.state.data && !isOpen(q.state.data) ? false : POLL_MS),
		staleTime: Number.POSITIVE_INFINITY,
	});
	const ended = job.data && !isOpen(job.data) ? job.data : undefined;
	const failed = ended && ended.state !== "done" ? new Error(ended.message ?? ended.state) : null;
	return {
		ask: ask.mutate,
		page: failed ? undefined : ended?.result,
		waiting: ask.isPending || (id !== 0 && !ended && !job.error),
		error: ask.error ?? job.error ?? failed,
	};
}

function valuesText(e: Entity): string {
	if (e.change)
		return (Array.isArray(e.attributes) ? e.attributes : [])
			.map((a) => `${a}: ${e.before?.[a] ?? ""} → ${e.after?.[a] ?? ""}`)
			.join(", ");
	return Object.entries(e.attributes ?? {})
		.map(([name, value]) => `${name} ${value}`)
		.join(", ");
}

function Entities(props: { list: Entity[]; changes: boolean }) {
	const { t, word } = useTranslation();
	return (
		<table className="yg-plain-table">
			<thead>
				<tr>
					{props.changes && <th scope="col">{t("baseline.change")}</th>}
					<th scope="col">{t("baseline.class")}</th>
					<th scope="col">{t("baseline.key")}</th>
					<th scope="col">{t("baseline.attributes")}</th>
				</tr>
			</thead>
			<tbody>
				{props.list.map((e) => (
					<tr key={e.place}>
						{props.changes && <td>{word("integrityChange", e.change ?? "")}</td>}
						<td>{word("entityClass", e.class)}</td>
						<td className="yg-path">{e.key}</td>
						<td className="yg-note">{valuesText(e)}</td>
					</tr>
				))}
			</tbody>
		</table>
	);
}

function History(props: { computer: number }) {
	const { t, time, number } = useTranslation();
	const roots = useQuery({
		queryKey: ["baselines", props.computer],
		queryFn: async () =>
			(await call<{ integrityBaselines: Root[] }>("GET", `/computers/${props.computer}/integritybaselines`))
				.integrityBaselines,
	});
	if (!roots.data) return <Waiting />;
	return (
		<table className="yg-plain-table">
			<thead>
				<tr>
					<th scope="col">{t("baseline.made")}</th>
					<th scope="col">{t("baseline.root")}</th>
					<th scope="col">{t("baseline.entities")}</th>
					<th scope="col">{t("changes.count")}</th>
					<th scope="col">{t("baseline.proven")}</th>
				</tr>
			</thead>
			<tbody>
				{roots.data.slice(0, 20).map((r) => (
					<tr key={r.ID}>
						<td>{time(r.made)}</td>
						<td className="yg-path">{short(r.root)}</td>
						<td>{number(r.entities)}</td>
						<td>{number(r.changes)}</td>
						<td>{t(r.proven ? "common.yes" : "baseline.unproven")}</td>
					</tr>
				))}
			</tbody>
		</table>
	);
}

/** What a computer's baseline holds, what differs from one before it, and the roots that were told. */
export default function Baseline(props: { id: number }) {
	const { t, time, word, number } = useTranslation();
	const computer = useComputer(props.id);
	const { ask, page, waiting, error } = usePage(props.id);
	const [text, setText] = useState("");
	const [cls, setClass] = useState("");
	const [older, setOlder] = useState("");
	const what = { text, class: cls, comparedWith: older };
	useEffect(() => ask({}), [ask]);
	const list = page?.changes ?? page?.items ?? [];
	return (
		<>
			<PageHead
				title={t("baseline.title")}
				trail={[
					{ text: t("nav.computers"), to: href("computers", {}) },
					{ text: computer.data ? nameOf(computer.data) : "", to: href("computer", { id: props.id }) },
				]}
			/>
			{error && <Problem error={error} />}
			<Card title={t("baseline.find")}>
				<form
					className="yg-finder"
					onSubmit={(e) => {
						e.preventDefault();
						ask(what);
					}}
				>
					<FormGroup label={t("baseline.key")} fieldId="baseline-text">
						<TextInput id="baseline-text" value={text} spellCheck="false" onChange={(_e, v) => setText(v)} />
					</FormGroup>
					<FormGroup label={t("baseline.class")} fieldId="baseline-class">
						<FormSelect id="baseline-class" value={cls} onChange={(_e, v) => setClass(v)}>
							{classes.map((c) => (
								<FormSelectOption key={c} value={c} label={c ? word("entityClass", c) : t("baseline.all")} />
							))}
						</FormSelect>
					</FormGroup>
					<FormGroup label={t("baseline.compare")} fieldId="baseline-older">
						<FormSelect id="baseline-older" value={older} onChange={(_e, v) => setOlder(v)}>
							<FormSelectOption value="" label={t("baseline.notCompared")} />
							{(page?.kept ?? []).slice(1).map((k) => (
								<FormSelectOption key={k.root} value={k.root} label={`${time(k.made)} (${short(k.root)})`} />
							))}
						</FormSelect>
					</FormGroup>
					<Button type="submit" isDisabled={waiting}>
						{t("baseline.show")}
					</Button>
				</form>
			</Card>
			{waiting && <Waiting />}
			{page && !waiting && (
				<Card title={t(page.changes ? "baseline.differences" : "baseline.content")}>
					<Facts
						items={[
							[t("baseline.made"), time(page.made)],
							[t("baseline.root"), short(page.root)],
							[t("baseline.entities"), number(page.entities)],
						]}
					/>
					{list.length === 0 && <Nothing title={t("baseline.none")} />}
					{list.length > 0 && <Entities list={list} changes={page.changes !== undefined} />}
					{page.more && (
						<Button variant="secondary" onClick={() => ask({ ...what, after: list[list.length - 1].place })}>
							{t("baseline.next")}
						</Button>
					)}
				</Card>
			)}
			<Card title={t("baseline.history")}>
				<History computer={props.id} />
			</Card>
		</>
	);
}
