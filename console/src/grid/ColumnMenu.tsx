import { Checkbox } from "@patternfly/react-core";
import { useTranslation } from "../i18n";
import { Icon } from "../ui/icons";
import { Menu } from "../ui/Menu";
import { type Column, keep } from "./columns";

export function ColumnMenu<T>(props: {
	id: string;
	columns: readonly Column<T>[];
	shown: readonly Column<T>[];
	onChange: (cols: string) => void;
}) {
	const { t } = useTranslation();
	function set(key: string, on: boolean) {
		const names = props.columns
			.filter((c) => c.fixed || (c.key === key ? on : props.shown.some((s) => s.key === c.key)))
			.map((c) => c.key);
		keep(props.id, names);
		props.onChange(names.join(","));
	}
	return (
		<Menu label={t("grid.columns")} icon={<Icon name="columns" />} className="yg-menu-end">
			{() => (
				<fieldset className="yg-columns">
					<legend>{t("grid.columns")}</legend>
					{props.columns.map((c) => (
						<Checkbox
							key={c.key}
							id={`column-${props.id}-${c.key}`}
							label={c.label}
							isChecked={props.shown.some((s) => s.key === c.key)}
							isDisabled={c.fixed}
							onChange={(_e, on) => set(c.key, on)}
						/>
					))}
				</fieldset>
			)}
		</Menu>
	);
}
