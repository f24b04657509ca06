import { Button } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { call } from "../api/client";
import type { Column } from "../grid/columns";
import { Grid } from "../grid/Grid";
import { type Key, useTranslation } from "../i18n";
import { assignedBy, type Level, modules } from "../inherit/chain";
import { useEditor } from "../inherit/Editor";
import { type Item, kindOf } from "../objects/kinds";
import type { KindName } from "../objects/names";
import { useObjects } from "../objects/queries";
import { useObjectColumns } from "../objects/words";
import { href, Link, useSearch } from "../router/router";
import { Nothing } from "../ui/parts";
import { Override } from "./Override";

export type NetworkModule = "fw" | "ip";
export const rulesOf: Record<NetworkModule, KindName> = { fw: "firewallrules", ip: "intrusionpreventionrules" };

const filters = ["assigned", "recommended", "unneeded", "customised", "all"] as const;
type FilterName = (typeof filters)[number];

interface Assignments {
	recommendedToAssignRuleIDs?: number[];
	recommendedToUnassignRuleIDs?: number[];
}

interface Hits {
	firewallRuleHits: { ruleID: number; hits: number }[];
}

/** What the manager says beside what the levels say: recommendations, and rules with other properties here. */
function useHere(level: Level, module: NetworkModule) {
	const base = `/${level.kind}/${level.id}/${modules[module].path}`;
	const assignments = useQuery({
		queryKey: [level.kind, level.id, "assignments", module],
		queryFn: () => call<Assignments>("GET", `${base}/assignments`),
	});
	const changed = useQuery({
		queryKey: [level.kind, level.id, "changed", module],
		queryFn: async () => {
			const answer = await call<Record<string, Item[]>>("GET", `${base}/rules?overrides=true`);
			return answer[kindOf(rulesOf[module]).list] ?? [];
		},
	});
	const inForce = useQuery({
		queryKey: [level.kind, level.id, "inForce", module],
		queryFn: async () => {
			const answer = await call<Record<string, Item[]>>("GET", `${base}/rules`);
			return answer[kindOf(rulesOf[module]).list] ?? [];
		},
	});
	const hits = useQuery({
		enabled: module === "fw" && level.kind === "computers",
		queryKey: [level.kind, level.id, "hits"],
		queryFn: () => call<Hits>("GET", `${base}/hits`),
	});
	return {
		hits: hits.data && new Map(hits.data.firewallRuleHits.map((h) => [h.ruleID, h.hits])),
		toAssign: new Set(assignments.data?.recommendedToAssignRuleIDs),
		toUnassign: new Set(assignments.data?.recommendedToUnassignRuleIDs),
		changed: new Set((changed.data ?? []).map((r) => r.ID)),
		inForce: new Map((inForce.data ?? []).map((r) => [r.ID, r])),
	};
}

function AssignBox(props: { rule: Item; by: Level | undefined; own: boolean; onChange: (on: boolean) => void }) {
	const { t } = useTranslation();
	const { by, own } = props;
	const inherited = by !== undefined && !own;
	const why = inherited ? t("rules.takenAwayThere", { name: by.name }) : undefined;
	return (
		<input
			type="checkbox"
			className="yg-check"
			checked={by !== undefined}
			disabled={inherited}
			title={why}
			aria-label={t("rules.assignOne", { name: props.rule.name })}
			onChange={(e) => props.onChange(e.target.checked)}
		/>
	);
}

function Filters(props: {
	value: FilterName;
	counts: Record<FilterName, number>;
	names: readonly FilterName[];
	onChange: (f: FilterName) => void;
}) {
	const { t } = useTranslation();
	return (
		<fieldset className="yg-segments">
			<legend className="yg-hidden">{t("rules.show")}</legend>
			{props.names.map((f) => (
				<button key={f} type="button" aria-pressed={f === props.value} onClick={() => props.onChange(f)}>
					{t(`rules.${f}` as Key)} <span className="yg-note">{props.counts[f]}</span>
				</button>
			))}
		</fieldset>
	);
}

/** There is less room than in the list of all. */
const narrow: Record<string, number> = {
	action: 6.5,
	priority: 6.5,
	direction: 5.5,
	protocol: 6,
	source: 8,
	destination: 8,
};

/** Rules of a module: which are assigned here, which by a policy above (not to be taken away here), which have other properties here. */
export function Rules(props: { module: NetworkModule }) {
	const { t, number } = useTranslation();
	const editor = useEditor();
	const { module } = props;
	const name = rulesOf[module];
	const kind = kindOf(name);
	const [search, setSearch] = useSearch({ q: "", sort: "name", cols: "", show: "assigned" });
	const objects = useObjects(name);
	const here = useHere(editor.levels[0], module);
	const [editing, setEditing] = useState<Item | null>(null);
	const rest = useObjectColumns(kind);
	const { hits } = here;
	const by = assignedBy(editor.levels, module);
	const own = (editor.levels[0].modules[module]?.ruleIDs as number[] | undefined) ?? [];
	const names = module === "ip" ? filters : filters.filter((f) => f !== "recommended" && f !== "unneeded");
	const show = names.find((f) => f === search.show) ?? "assigned";
	const all = (objects.data ?? []).map((r) => here.inForce.get(r.ID) ?? r);
	const tests: Record<FilterName, (r: Item) => boolean> = {
		assigned: (r) => by.has(r.ID),
		recommended: (r) => here.toAssign.has(r.ID),
		unneeded: (r) => here.toUnassign.has(r.ID),
		customised: (r) => here.changed.has(r.ID),
		all: () => true,
	};
	const counts = Object.fromEntries(filters.map((f) => [f, all.filter(tests[f]).length])) as Record<FilterName, number>;
	function assign(id: number, on: boolean) {
		const next = on ? [...own, id] : own.filter((x) => x !== id);
		editor.set(`${module}.ruleIDs`, next.length ? next : null);
	}
	const key = JSON.stringify([[...by].map(([id, l]) => [id, l.id, l.kind]), own, [...here.changed], [...(hits ?? [])]]);
	// biome-ignore lint/correctness/useExhaustiveDependencies: `key` stands for what the cells show of the levels
	const columns = useMemo((): Column<Item>[] => {
		const source = (r: Item) => {
			const level = by.get(r.ID);
			if (!level) return "";
			return own.includes(r.ID) ? t("inherit.addedHere") : t("inherit.from", { name: level.name });
		};
		return [
			{
				key: "assigned",
				label: t("rules.assignedShort"),
				width: 6,
				fixed: true,
				actions: true,
				sort: (r) => (by.has(r.ID) ? 0 : 1),
				cell: (r) => (
					<AssignBox rule={r} by={by.get(r.ID)} own={own.includes(r.ID)} onChange={(on) => assign(r.ID, on)} />
				),
			},
			{
				key: "name",
				label: t("object.name"),
				width: 13,
				fixed: true,
				sort: (r) => r.name,
				cell: (r) => (
					<Link to={href("object", { kind: name, id: r.ID })} row>
						{r.name}
					</Link>
				),
			},
			{ key: "source-level", label: t("rules.by"), width: 8, text: source, sort: source, cell: source },
			...rest.map((c) => ({ ...c, width: narrow[c.key] ?? c.width })),
			...(hits
				? [
						{
							key: "hits",
							label: t("rules.hits"),
							width: 6.5,
							sort: (r: Item) => hits.get(r.ID) ?? 0,
							cell: (r: Item) => (by.has(r.ID) ? number(hits.get(r.ID) ?? 0) : ""),
						},
					]
				: []),
			{
				key: "here",
				label: t("rules.here"),
				width: 7.5,
				fixed: true,
				actions: true,
				sort: (r) => (here.changed.has(r.ID) ? 0 : 1),
				cell: (r) => (
					<Button
						variant="link"
						isInline
						aria-label={t("rules.overrideOne", { name: r.name })}
						onClick={() => setEditing(r)}
					>
						{t(here.changed.has(r.ID) ? "rules.changed" : "rules.change")}
					</Button>
				),
			},
		];
	}, [key, rest, t, name]);
	return (
		<>
			<Grid
				id={`rules-${module}`}
				label={t(kind.title)}
				columns={columns}
				rows={objects.data && all.filter(tests[show])}
				rowKey={(r) => r.ID}
				error={objects.error}
				retry={objects.refetch}
				search={search}
				onSearch={setSearch}
				tools={<Filters value={show} counts={counts} names={names} onChange={(f) => setSearch({ show: f, q: "" })} />}
				empty={
					<Nothing
						title={t(`rules.none.${show}` as Key)}
						action={
							show !== "all" ? (
								<Button variant="link" onClick={() => setSearch({ show: "all" })}>
									{t("rules.toAll")}
								</Button>
							) : (
								<Link to={href("object", { kind: name, id: "new" })}>{t("object.newOf", { kind: t(kind.one) })}</Link>
							)
						}
					/>
				}
			/>
			{editing && (
				<Override
					module={module}
					level={editor.levels[0]}
					affected={editor.affected.all}
					rule={editing}
					changed={here.changed.has(editing.ID)}
					onClose={() => setEditing(null)}
				/>
			)}
		</>
	);
}
