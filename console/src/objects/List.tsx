import { Button, FormSelect, FormSelectOption } from "@patternfly/react-core";
import { useMemo } from "react";
import { usePolicies } from "../api/queries";
import type { Column } from "../grid/columns";
import { Grid } from "../grid/Grid";
import { useTranslation } from "../i18n";
import { asTree } from "../inherit/chain";
import { go, href, Link, useSearch } from "../router/router";
import { Nothing, PageHead, Tabs } from "../ui/parts";
import { type Item, kindOf } from "./kinds";
import { areaOf, besides, type KindName } from "./names";
import { useObjects } from "./queries";
import { useObjectColumns } from "./words";
import "../network/words";
import "../admin/words";

function PolicyOf(props: { value: number; onChange: (id: string) => void }) {
	const { t } = useTranslation();
	const policies = asTree(usePolicies().data ?? []);
	return (
		<FormSelect
			aria-label={t("computers.policy")}
			className="yg-choice"
			value={String(props.value)}
			onChange={(_e, v) => props.onChange(v)}
		>
			{policies.map(({ node, depth }) => (
				<FormSelectOption key={node.ID} value={String(node.ID)} label={`${"\u2003".repeat(depth)}${node.name}`} />
			))}
		</FormSelect>
	);
}

/** All objects of a kind: filter, order, columns, a new one. */
export default function ObjectList(props: { name: KindName }) {
	const { t } = useTranslation();
	const kind = kindOf(props.name);
	const [search, setSearch] = useSearch({ q: "", sort: "name", cols: "", policy: "1" });
	const policy = kind.ofPolicy ? Number(search.policy) : 0;
	const objects = useObjects(props.name, policy);
	const rest = useObjectColumns(kind);
	const link: Record<string, string> = kind.ofPolicy ? { policy: search.policy } : {};
	const to = href("object", { kind: props.name, id: "new" }, link);
	const columns = useMemo((): Column<Item>[] => {
		const address = (o: Item) =>
			href("object", { kind: props.name, id: o.ID }, kind.ofPolicy ? { policy: search.policy } : {});
		return [
			{
				key: "name",
				label: t("object.name"),
				width: 14,
				fixed: true,
				sort: (o) => o.name,
				cell: (o) => (
					<Link to={address(o)} row>
						{o.name}
					</Link>
				),
			},
			...rest,
		];
	}, [rest, t, props.name, kind.ofPolicy, search.policy]);
	const area = areaOf(props.name);
	const title = area ? t(`admin.${area}`) : t("nav.objects");
	const create = <Button onClick={() => go(to)}>{t("object.new")}</Button>;
	return (
		<>
			<PageHead title={title}>{create}</PageHead>
			<Tabs
				label={title}
				tabs={besides(props.name).map((n) => ({
					to: href("objects", { kind: n }),
					text: t(kindOf(n).title),
					current: n === props.name,
				}))}
			/>
			<p className="yg-note">{t(kind.about)}</p>
			<Grid
				id={`objects-${props.name}`}
				label={t(kind.title)}
				columns={columns}
				rows={objects.data}
				rowKey={(o) => o.ID}
				error={objects.error}
				retry={objects.refetch}
				search={search}
				onSearch={setSearch}
				tools={kind.ofPolicy && <PolicyOf value={policy} onChange={(id) => setSearch({ policy: id })} />}
				empty={<Nothing title={t("object.empty")} action={create} />}
			/>
		</>
	);
}
