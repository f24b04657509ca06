import { Button, Form, FormGroup, FormSelect, FormSelectOption, TextInput } from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useMemo, useState } from "react";
import { call } from "../api/client";
import { keys, useComputers, usePolicies } from "../api/queries";
import type { Policy } from "../api/types";
import type { Column } from "../grid/columns";
import { Grid } from "../grid/Grid";
import { useTranslation } from "../i18n";
import { asTree } from "../inherit/chain";
import { go, href, Link, useSearch } from "../router/router";
import { Dialog } from "../ui/Dialog";
import { Nothing, PageHead, Problem, Status } from "../ui/parts";
import { moduleText, networkModules } from "./modules";

/** A new policy is the child of another: it begins with all that one has. */
function NewPolicy(props: { policies: Policy[]; onClose: () => void }) {
	const { t } = useTranslation();
	const client = useQueryClient();
	const [name, setName] = useState("");
	const [parent, setParent] = useState(String(props.policies[0]?.ID ?? ""));
	const create = useMutation({
		mutationFn: () => call<Policy>("POST", "/policies", { name: name.trim(), parentID: Number(parent) }),
		onSuccess: async (p) => {
			await client.invalidateQueries({ queryKey: keys.policies });
			go(href("policyModule", { id: p.ID, module: "anti-malware" }));
		},
	});
	function submit(e: FormEvent) {
		e.preventDefault();
		if (name.trim()) create.mutate();
	}
	return (
		<Dialog
			title={t("policies.new")}
			onClose={props.onClose}
			footer={
				<>
					<Button type="submit" form="new-policy" isDisabled={!name.trim() || create.isPending}>
						{t("policies.create")}
					</Button>
					<Button variant="link" onClick={props.onClose}>
						{t("common.cancel")}
					</Button>
				</>
			}
		>
			<Form id="new-policy" onSubmit={submit}>
				{create.error && <Problem error={create.error} />}
				<FormGroup label={t("policies.name")} fieldId="policy-name" isRequired>
					<TextInput id="policy-name" value={name} isRequired onChange={(_e, v) => setName(v)} />
				</FormGroup>
				<FormGroup label={t("policies.parent")} fieldId="policy-parent">
					<FormSelect id="policy-parent" value={parent} onChange={(_e, v) => setParent(v)}>
						{props.policies.map((p) => (
							<FormSelectOption key={p.ID} value={String(p.ID)} label={p.name} />
						))}
					</FormSelect>
				</FormGroup>
			</Form>
		</Dialog>
	);
}

interface Row {
	policy: Policy;
	depth: number;
	computers: number;
}

export default function Policies() {
	const { t, number, word } = useTranslation();
	const policies = usePolicies();
	const computers = useComputers().data;
	const [search, setSearch] = useSearch({ q: "", sort: "tree", cols: "", new: "" });
	const rows = useMemo(
		() =>
			policies.data &&
			asTree(policies.data).map(
				({ node, depth }): Row => ({
					policy: node,
					depth,
					computers: computers?.filter((c) => c.policyID === node.ID).length ?? 0,
				}),
			),
		[policies.data, computers],
	);
	const flat = search.sort !== "tree" || search.q !== "";
	const columns = useMemo((): Column<Row>[] => {
		const parent = (r: Row) => policies.data?.find((p) => p.ID === r.policy.parentID)?.name ?? "–";
		const state = (r: Row) => t(r.policy.antiMalware.state === "on" ? "common.on" : "common.off");
		return [
			{
				key: "name",
				label: t("policies.name"),
				width: 18,
				fixed: true,
				sort: (r) => r.policy.name,
				cell: (r) => (
					<span className="yg-branch" style={{ paddingInlineStart: flat ? 0 : `${r.depth * 1.5}rem` }}>
						{!flat && r.depth > 0 && <span aria-hidden="true">└ </span>}
						<Link to={href("policy", { id: r.policy.ID })} row>
							{r.policy.name}
						</Link>
					</span>
				),
			},
			{ key: "parent", label: t("policies.parent"), width: 12, sort: parent, cell: parent },
			{
				key: "computers",
				label: t("nav.computers"),
				width: 8,
				sort: (r) => r.computers,
				cell: (r) => number(r.computers),
			},
			{
				key: "antimalware",
				label: t("modules.antimalware"),
				width: 10,
				sort: state,
				cell: (r) => <Status state={r.policy.antiMalware.state === "on" ? "active" : "inactive"}>{state(r)}</Status>,
			},
			...networkModules.map((m): Column<Row> => {
				const text = (r: Row) => moduleText(word, r.policy[m.member]?.moduleStatus?.statusMessage ?? "");
				return {
					key: m.path,
					label: t(m.title),
					width: 11,
					sort: text,
					cell: (r) => <Status state={r.policy[m.member]?.moduleStatus?.status ?? ""}>{text(r)}</Status>,
				};
			}),
			{
				key: "description",
				label: t("common.description"),
				width: 20,
				sort: (r) => r.policy.description,
				cell: (r) => r.policy.description,
			},
		];
	}, [policies.data, flat, t, number, word]);
	return (
		<>
			<PageHead title={t("nav.policies")}>
				<Button onClick={() => setSearch({ new: "1" })}>{t("policies.new")}</Button>
			</PageHead>
			<Grid
				id="policies"
				label={t("nav.policies")}
				columns={columns}
				rows={rows}
				rowKey={(r) => r.policy.ID}
				error={policies.error}
				retry={policies.refetch}
				search={search}
				onSearch={setSearch}
				tools={
					search.sort !== "tree" && (
						<Button variant="link" onClick={() => setSearch({ sort: "tree" })}>
							{t("policies.asTree")}
						</Button>
					)
				}
				empty={<Nothing title={t("grid.noneMatch")} />}
			/>
			{search.new && policies.data && (
				<NewPolicy policies={policies.data} onClose={() => setSearch({ new: "" }, { replace: true })} />
			)}
		</>
	);
}
