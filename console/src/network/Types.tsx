import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { call } from "../api/client";
import type { Column } from "../grid/columns";
import { Grid } from "../grid/Grid";
import { useTranslation } from "../i18n";
import { useEditor } from "../inherit/Editor";
import { type Item, kindOf } from "../objects/kinds";
import { useObjectColumns } from "../objects/words";
import { href, Link, useSearch } from "../router/router";
import { Nothing } from "../ui/parts";

/** Application types of the rules that are assigned here: whose connections are looked into. */
export function Types() {
	const { t } = useTranslation();
	const { levels } = useEditor();
	const [level] = levels;
	const [search, setSearch] = useSearch({ q: "", sort: "name", cols: "" });
	const kind = kindOf("applicationtypes");
	const types = useQuery({
		queryKey: [level.kind, level.id, "types"],
		queryFn: async () => {
			const path = `/${level.kind}/${level.id}/intrusionprevention/applicationtypes`;
			return (await call<Record<string, Item[]>>("GET", path))[kind.list] ?? [];
		},
	});
	const rest = useObjectColumns(kind);
	const columns = useMemo(
		(): Column<Item>[] => [
			{
				key: "name",
				label: t("object.name"),
				width: 14,
				fixed: true,
				sort: (o) => o.name,
				cell: (o) => (
					<Link to={href("object", { kind: "applicationtypes", id: o.ID })} row>
						{o.name}
					</Link>
				),
			},
			...rest,
		],
		[rest, t],
	);
	return (
		<Grid
			id="types"
			label={t(kind.title)}
			columns={columns}
			rows={types.data}
			rowKey={(o) => o.ID}
			error={types.error}
			retry={types.refetch}
			search={search}
			onSearch={setSearch}
			empty={<Nothing title={t("ips.noTypes")}>{t("ips.noTypesText")}</Nothing>}
		/>
	);
}
