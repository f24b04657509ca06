import { Button, FormGroup, FormSelect, FormSelectOption, TextInput } from "@patternfly/react-core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useMemo, useState } from "react";
import { call } from "../api/client";
import type { Column } from "../grid/columns";
import { Grid } from "../grid/Grid";
import { useTranslation } from "../i18n";
import { href, Link, useSearch } from "../router/router";
import { Dialog } from "../ui/Dialog";
import { Facts, Nothing, PageHead, Problem } from "../ui/parts";
import "../network/words";

/** Changes of a computer with one cause, as /api/integritychanges has them. */
interface Change {
	ID: number;
	computerID: number;
	hostName: string;
	cause: "package" | "maintenance" | "process" | "none";
	text: string;
	first: number;
	last: number;
	changes: number;
	rank: number;
	state: "pending" | "approved" | "incident";
	decided?: number;
	by?: string;
	note?: string;
}

type Deed = "approve" | "incident";
const states = ["pending", "approved", "incident"] as const;

/** What is decided, with a word why. */
function Decide(props: { change: Change; deed: Deed; onClose: () => void }) {
	const { t, word, number } = useTranslation();
	const client = useQueryClient();
	const { change } = props;
	const [note, setNote] = useState("");
	const decide = useMutation({
		mutationFn: () => call("POST", `/integritychanges/${change.ID}/${props.deed}`, { note }),
		onSuccess: () => {
			client.invalidateQueries({ queryKey: ["changes"] });
			props.onClose();
		},
	});
	return (
		<Dialog
			title={t(`changes.${props.deed}`)}
			onClose={props.onClose}
			footer={
				<>
					<Button
						variant={props.deed === "incident" ? "danger" : "primary"}
						isDisabled={decide.isPending}
						onClick={() => decide.mutate()}
					>
						{t(`changes.${props.deed}`)}
					</Button>
					<Button variant="link" onClick={props.onClose}>
						{t("common.cancel")}
					</Button>
				</>
			}
		>
			{decide.error && <Problem error={decide.error} />}
			<p>{t(`changes.${props.deed}About`)}</p>
			<Facts
				items={[
					[t("events.computer"), change.hostName],
					[t("changes.cause"), `${word("changeCause", change.cause)}: ${change.text}`],
					[t("changes.count"), number(change.changes)],
				]}
			/>
			<FormGroup label={t("changes.note")} fieldId="change-note">
				<TextInput id="change-note" value={note} onChange={(_e, v) => setNote(v)} />
			</FormGroup>
		</Dialog>
	);
}

function useColumns(deeds: (c: Change) => ReactNode): Column<Change>[] {
	const { t, time, word, number } = useTranslation();
	return useMemo(
		(): Column<Change>[] => [
			{
				key: "text",
				label: t("changes.cause"),
				width: 22,
				fixed: true,
				sort: (c) => c.text,
				text: (c) => `${word("changeCause", c.cause)}: ${c.text}`,
				cell: (c) => `${word("changeCause", c.cause)}: ${c.text}`,
			},
			{
				key: "hostName",
				label: t("events.computer"),
				width: 8,
				sort: (c) => c.hostName,
				cell: (c) => <Link to={href("computer", { id: c.computerID })}>{c.hostName}</Link>,
			},
			{
				key: "changes",
				label: t("changes.count"),
				width: 6,
				sort: (c) => c.changes,
				text: (c) => number(c.changes),
				cell: (c) => number(c.changes),
			},
			{ key: "rank", label: t("changes.rank"), width: 5, sort: (c) => c.rank, cell: (c) => number(c.rank) },
			{
				key: "last",
				label: t("changes.last"),
				width: 12.5,
				sort: (c) => c.last,
				text: (c) => time(c.last),
				cell: (c) => time(c.last),
			},
			{ key: "deeds", label: t("common.actions"), width: 16, fixed: true, actions: true, cell: deeds },
			{ key: "by", label: t("changes.by"), width: 8, extra: true, sort: (c) => c.by ?? "", cell: (c) => c.by ?? "" },
			{
				key: "note",
				label: t("changes.note"),
				width: 12,
				extra: true,
				sort: (c) => c.note ?? "",
				cell: (c) => c.note ?? "",
			},
		],
		[deeds, t, time, word, number],
	);
}

/** The inbox of Integrity Monitoring: what changed, by its cause, until somebody has decided. */
export default function Changes() {
	const { t, word } = useTranslation();
	const [search, setSearch] = useSearch({ q: "", sort: "-last", cols: "", state: "pending" });
	const [asked, setAsked] = useState<{ change: Change; deed: Deed } | null>(null);
	const changes = useQuery({
		queryKey: ["changes", search.state],
		queryFn: async () =>
			(await call<{ integrityChanges: Change[] }>("GET", `/integritychanges?state=${search.state}`)).integrityChanges,
		refetchInterval: 15000,
	});
	const deeds = useMemo(
		() => (change: Change) =>
			change.state === "pending" ? (
				<span className="yg-deeds">
					<Button size="sm" variant="secondary" onClick={() => setAsked({ change, deed: "approve" })}>
						{t("changes.approve")}
					</Button>
					<Button size="sm" variant="link" isDanger onClick={() => setAsked({ change, deed: "incident" })}>
						{t("changes.incident")}
					</Button>
				</span>
			) : (
				word("changeState", change.state)
			),
		[t, word],
	);
	return (
		<>
			<PageHead title={t("changes.title")}>
				<FormSelect
					aria-label={t("changes.state")}
					className="yg-choice"
					value={search.state}
					onChange={(_e, state) => setSearch({ state })}
				>
					{states.map((s) => (
						<FormSelectOption key={s} value={s} label={word("changeState", s)} />
					))}
				</FormSelect>
			</PageHead>
			<p className="yg-note">{t("changes.about")}</p>
			<Grid
				id="changes"
				label={t("changes.title")}
				columns={useColumns(deeds)}
				rows={changes.data}
				rowKey={(c) => c.ID}
				error={changes.error}
				retry={changes.refetch}
				search={search}
				onSearch={setSearch}
				empty={<Nothing title={t("changes.none")}>{t("changes.empty")}</Nothing>}
			/>
			{asked && <Decide {...asked} onClose={() => setAsked(null)} />}
		</>
	);
}
