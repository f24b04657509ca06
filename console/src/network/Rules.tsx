import { Button } from "@patternfly/react-core";
import { useState } from "react";
import { Grid } from "../grid/Grid";
import { type Key, useTranslation } from "../i18n";
import { useEditor } from "../inherit/Editor";
import { type Item, kindOf } from "../objects/kinds";
import { useObjects } from "../objects/queries";
import { href, Link, useSearch } from "../router/router";
import { Nothing } from "../ui/parts";
import { type NetworkModule, rulesOf, useHere } from "./here";
import { Override } from "./Override";
import { type FilterName, Filters, filterNames, KindFilters, ofKind } from "./RuleFilters";
import { useAssigned, useRuleColumns } from "./ruleColumns";

/** Nothing to show: why, and where to go from here. */
function NoRules(props: { module: NetworkModule; show: FilterName; onAll: () => void }) {
	const { t } = useTranslation();
	const name = rulesOf[props.module];
	return (
		<Nothing
			title={t(`rules.none.${props.show}` as Key)}
			action={
				props.show !== "all" ? (
					<Button variant="link" onClick={props.onAll}>
						{t("rules.toAll")}
					</Button>
				) : (
					<Link to={href("object", { kind: name, id: "new" })}>{t("object.newOf", { kind: t(kindOf(name).one) })}</Link>
				)
			}
		/>
	);
}

/** Rules of a module: which are assigned here, which by a policy above (not to be taken away here), which have other properties here. */
export function Rules(props: { module: NetworkModule }) {
	const { t } = useTranslation();
	const editor = useEditor();
	const { module } = props;
	const [search, setSearch] = useSearch({ q: "", sort: "name", cols: "", show: "assigned", severity: "", type: "" });
	const objects = useObjects(rulesOf[module]);
	const here = useHere(editor.levels[0], module);
	const assigned = useAssigned(module);
	const [editing, setEditing] = useState<Item | null>(null);
	const columns = useRuleColumns(module, assigned, here, setEditing);
	const names = module === "ip" ? filterNames : filterNames.filter((f) => f !== "recommended" && f !== "unneeded");
	const show = names.find((f) => f === search.show) ?? "assigned";
	const tests: Record<FilterName, (r: Item) => boolean> = {
		assigned: (r) => assigned.by.has(r.ID),
		recommended: (r) => here.toAssign.has(r.ID),
		unneeded: (r) => here.toUnassign.has(r.ID),
		customised: (r) => here.changed.has(r.ID),
		all: () => true,
	};
	const known = (objects.data ?? []).map((r) => here.inForce.get(r.ID) ?? r);
	const all = ofKind(known, search.severity, search.type);
	const counts = Object.fromEntries(names.map((f) => [f, all.filter(tests[f]).length])) as Record<FilterName, number>;
	return (
		<>
			<Grid
				id={`rules-${module}`}
				label={t(kindOf(rulesOf[module]).title)}
				columns={columns}
				rows={objects.data && all.filter(tests[show])}
				rowKey={(r) => r.ID}
				error={objects.error}
				retry={objects.refetch}
				search={search}
				onSearch={setSearch}
				tools={
					<>
						{module === "ip" && <KindFilters severity={search.severity} type={search.type} onChange={setSearch} />}
						<Filters value={show} counts={counts} names={names} onChange={(f) => setSearch({ show: f, q: "" })} />
					</>
				}
				empty={<NoRules module={module} show={show} onAll={() => setSearch({ show: "all", severity: "", type: "" })} />}
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
