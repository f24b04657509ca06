import { Button } from "@patternfly/react-core";
import { useMemo } from "react";
import type { Column } from "../grid/columns";
import { useTranslation } from "../i18n";
import { assignedBy, type Level } from "../inherit/chain";
import { useEditor } from "../inherit/Editor";
import { type Item, kindOf } from "../objects/kinds";
import { useObjectColumns } from "../objects/words";
import { href, Link } from "../router/router";
import { type Here, type NetworkModule, rulesOf } from "./here";

/** Which levels assign which rules, which are the object's own ones, and how to change those. */
export function useAssigned(module: NetworkModule) {
	const editor = useEditor();
	const own = (editor.levels[0].modules[module]?.ruleIDs as number[] | undefined) ?? [];
	function assign(id: number, on: boolean) {
		const next = on ? [...own, id] : own.filter((x) => x !== id);
		editor.set(`${module}.ruleIDs`, next.length ? next : null);
	}
	return { by: assignedBy(editor.levels, module), own, assign };
}

/** A rule that a policy above assigns can be taken away only there. */
function AssignBox(props: { rule: Item; by: Level | undefined; own: boolean; onChange: (on: boolean) => void }) {
	const { t } = useTranslation();
	const { by, own } = props;
	const inherited = by !== undefined && !own;
	return (
		<input
			type="checkbox"
			className="yg-check"
			checked={by !== undefined}
			disabled={inherited}
			title={inherited ? t("rules.takenAwayThere", { name: by.name }) : undefined}
			aria-label={t("rules.assignOne", { name: props.rule.name })}
			onChange={(e) => props.onChange(e.target.checked)}
		/>
	);
}

/** There is less room than in the list of all. */
const narrow: Record<string, number> = {
	action: 7,
	priority: 6.5,
	direction: 6.5,
	protocol: 6,
	source: 6,
	destination: 7,
	severity: 5.5,
	applicationTypeID: 11,
	CVE: 9.5,
	mode: 8.5,
};

/** A rule's columns where it is assigned: the box, the rule's own, what differs here. */
export function useRuleColumns(
	module: NetworkModule,
	assigned: ReturnType<typeof useAssigned>,
	here: Here,
	onEdit: (rule: Item) => void,
): Column<Item>[] {
	const { t, number } = useTranslation();
	const name = rulesOf[module];
	const rest = useObjectColumns(kindOf(name));
	const { by, own, assign } = assigned;
	const { hits, changed } = here;
	const key = JSON.stringify([[...by].map(([id, l]) => [id, l.kind, l.id]), own, [...changed], [...(hits ?? [])]]);
	// biome-ignore lint/correctness/useExhaustiveDependencies: `key` stands for what the cells show
	return useMemo((): Column<Item>[] => {
		const source = (r: Item) => {
			const level = by.get(r.ID);
			if (!level) return "";
			return own.includes(r.ID) ? t("inherit.addedHere") : level.name;
		};
		const box: Column<Item> = {
			key: "assigned",
			label: t("rules.assignedShort"),
			width: 7,
			fixed: true,
			actions: true,
			sort: (r) => (by.has(r.ID) ? 0 : 1),
			cell: (r) => (
				<AssignBox rule={r} by={by.get(r.ID)} own={own.includes(r.ID)} onChange={(on) => assign(r.ID, on)} />
			),
		};
		const link: Column<Item> = {
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
		};
		const met: Column<Item> = {
			key: "hits",
			label: t("rules.hits"),
			width: 5,
			sort: (r) => hits?.get(r.ID) ?? 0,
			cell: (r) => (by.has(r.ID) ? number(hits?.get(r.ID) ?? 0) : ""),
		};
		const edit = (r: Item) => t(changed.has(r.ID) ? "rules.changed" : "rules.change");
		const differs: Column<Item> = {
			key: "here",
			label: t("rules.here"),
			width: 8.5,
			fixed: true,
			actions: true,
			sort: (r) => (changed.has(r.ID) ? 0 : 1),
			cell: (r) => (
				<Button
					variant="link"
					isInline
					aria-label={t("rules.overrideOne", { name: r.name, what: edit(r) })}
					onClick={() => onEdit(r)}
				>
					{edit(r)}
				</Button>
			),
		};
		return [
			box,
			link,
			{ key: "source-level", label: t("rules.by"), width: 8, text: source, sort: source, cell: source },
			differs,
			...(hits ? [met] : []),
			...rest.map((c) => ({ ...c, width: narrow[c.key] ?? c.width })),
		];
	}, [key, rest, t, name]);
}
