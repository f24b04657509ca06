import { Button, FormGroup, FormSelect, FormSelectOption } from "@patternfly/react-core";
import { useMutation } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { call } from "../api/client";
import { useComputers, usePolicies } from "../api/queries";
import type { Computer } from "../api/types";
import type { Column } from "../grid/columns";
import { Grid } from "../grid/Grid";
import { useTranslation } from "../i18n";
import { href, Link, useSearch } from "../router/router";
import { Dialog } from "../ui/Dialog";
import { Copy, Nothing, PageHead, Problem, Status } from "../ui/parts";

export const nameOf = (c: Computer) => c.displayName || c.hostName;

function useColumns(): Column<Computer>[] {
	const { t, time, word } = useTranslation();
	const policies = usePolicies().data;
	return useMemo(() => {
		const status = (c: Computer) => c.computerStatus.agentStatusMessages.map((m) => word("status", m)).join(", ");
		const module = (c: Computer) => word("module", c.antiMalware.moduleStatus?.agentStatusMessage ?? "");
		const policy = (c: Computer) => policies?.find((p) => p.ID === c.policyID)?.name ?? "";
		const plain = (key: keyof Computer, label: string, width: number, extra?: boolean): Column<Computer> => ({
			key,
			label,
			width,
			extra,
			sort: (c) => String(c[key] ?? ""),
			cell: (c) => String(c[key] ?? ""),
		});
		return [
			{
				key: "name",
				label: t("computers.name"),
				width: 10,
				fixed: true,
				sort: nameOf,
				cell: (c) => (
					<Link to={href("computer", { id: c.ID })} row>
						{nameOf(c)}
					</Link>
				),
			},
			{
				key: "status",
				label: t("computers.status"),
				width: 12,
				sort: status,
				cell: (c) => <Status state={c.computerStatus.agentStatus}>{status(c)}</Status>,
			},
			{
				key: "antimalware",
				label: t("modules.antimalware"),
				width: 11,
				sort: module,
				cell: (c) => <Status state={c.antiMalware.moduleStatus?.agentStatus ?? ""}>{module(c)}</Status>,
			},
			{
				key: "policy",
				label: t("computers.policy"),
				width: 9,
				sort: policy,
				cell: (c) => (c.policyID ? <Link to={href("policy", { id: c.policyID })}>{policy(c)}</Link> : "–"),
			},
			plain("platform", t("computers.platform"), 13),
			{
				key: "seen",
				label: t("computers.seen"),
				width: 13,
				sort: (c) => c.lastAgentCommunication ?? 0,
				text: (c) => time(c.lastAgentCommunication),
				cell: (c) => time(c.lastAgentCommunication),
			},
			plain("hostName", t("computers.hostName"), 10, true),
			plain("agentVersion", t("computers.version"), 8, true),
			plain("lastIPUsed", t("computers.address"), 9, true),
			plain("description", t("common.description"), 12, true),
		];
	}, [policies, t, time, word]);
}

/** The command that activates an agent; says so when a computer came that was not there before. */
export function AddComputer(props: { onClose: () => void }) {
	const { t } = useTranslation();
	const policies = usePolicies().data;
	const computers = useComputers().data;
	const [policy, setPolicy] = useState("");
	const [before, setBefore] = useState<number[] | null>(null);
	const { mutate, data, error } = useMutation({
		mutationFn: (policyID: string) =>
			call<{ command: string }>("POST", "/agentdeploymentscripts", {
				platform: "linux",
				activationRequired: true,
				...(policyID ? { policyID: Number(policyID) } : {}),
			}),
	});
	useEffect(() => mutate(policy), [mutate, policy]);
	useEffect(() => {
		if (computers && !before) setBefore(computers.map((c) => c.ID));
	}, [computers, before]);
	const arrived = computers?.find((c) => before && !before.includes(c.ID));
	return (
		<Dialog
			title={t("computers.add")}
			onClose={props.onClose}
			footer={<Button onClick={props.onClose}>{t("common.close")}</Button>}
		>
			<FormGroup label={t("computers.policy")} fieldId="add-policy">
				<FormSelect id="add-policy" value={policy} onChange={(_e, v) => setPolicy(v)}>
					<FormSelectOption value="" label={t("computers.policyDefault")} />
					{(policies ?? []).map((p) => (
						<FormSelectOption key={p.ID} value={String(p.ID)} label={p.name} />
					))}
				</FormSelect>
			</FormGroup>
			<p>{t("computers.addText")}</p>
			{error && <Problem error={error} retry={() => mutate(policy)} />}
			{data && <Copy text={data.command} label={t("computers.addCommand")} />}
			<p role="status" className="yg-note">
				{arrived ? (
					<Status state="active">{t("computers.addArrived", { name: nameOf(arrived) })}</Status>
				) : (
					t("computers.addWaiting")
				)}
			</p>
		</Dialog>
	);
}

export function Computers() {
	const { t } = useTranslation();
	const computers = useComputers();
	const [search, setSearch] = useSearch({ q: "", sort: "name", cols: "", add: "" });
	const add = <Button onClick={() => setSearch({ add: "1" })}>{t("computers.add")}</Button>;
	return (
		<>
			<PageHead title={t("nav.computers")}>{add}</PageHead>
			<Grid
				id="computers"
				label={t("nav.computers")}
				columns={useColumns()}
				rows={computers.data}
				rowKey={(c) => c.ID}
				error={computers.error}
				retry={computers.refetch}
				search={search}
				onSearch={setSearch}
				empty={
					<Nothing title={t("computers.none")} action={add}>
						{t("computers.empty")}
					</Nothing>
				}
			/>
			{search.add && <AddComputer onClose={() => setSearch({ add: "" }, { replace: true })} />}
		</>
	);
}
