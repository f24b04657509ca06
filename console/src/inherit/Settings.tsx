import type { ReactNode } from "react";
import { type Key, useTranslation } from "../i18n";
import type { KindName } from "../objects/names";
import { useObjects } from "../objects/queries";
import { Card } from "../ui/parts";
import type { ValueKey } from "./chain";
import { type Editor, useEditor } from "./Editor";
import { type Choice, ChoiceRow, TextRow } from "./rows";

/** A setting of the API (src/model/settings.def) as a row of an editor. */
export type SettingRowOf = {
	name: string;
	label: Key;
	note?: Key;
	when?: (value: (name: string) => string) => boolean;
} & (
	| { kind: "switch" }
	| { kind: "choice"; choices: { value: string; text: Key }[] }
	/** The values are words of the catalogue. */
	| { kind: "words"; words: string; values: readonly string[] }
	| { kind: "number"; min: number; max: number; unit?: Key }
	| { kind: "text" }
	| { kind: "object"; of: KindName; none: Key }
);

export interface SettingGroup {
	group: Key;
	note?: Key;
	rows: SettingRowOf[];
}

type RowProps = { k: ValueKey; label: string; note?: string; page: string };

function ObjectRow(props: RowProps & { of: KindName; none: string }) {
	const all = useObjects(props.of).data ?? [];
	const choices: Choice[] = [
		{ value: "0", text: props.none },
		...all.map((o) => ({ value: String(o.ID), text: o.name })),
	];
	return <ChoiceRow {...props} choices={choices} />;
}

function Row(props: { row: SettingRowOf; page: string }) {
	const { t, word } = useTranslation();
	const { row, page } = props;
	const common: RowProps = { k: `set.${row.name}`, label: t(row.label), note: row.note && t(row.note), page };
	if (row.kind === "number") return <TextRow {...common} number={row} unit={row.unit && t(row.unit)} />;
	if (row.kind === "text") return <TextRow {...common} />;
	if (row.kind === "object") return <ObjectRow {...common} of={row.of} none={t(row.none)} />;
	const choices =
		row.kind === "choice"
			? row.choices.map((c) => ({ value: c.value, text: t(c.text) }))
			: row.kind === "words"
				? row.values.map((v) => ({ value: v, text: word(row.words, v) }))
				: [
						{ value: "true", text: t("common.on") },
						{ value: "false", text: t("common.off") },
					];
	return <ChoiceRow {...common} choices={choices} />;
}

/** The value in force of a setting. */
export function settingOf(editor: Editor, name: string): string {
	const { here, inherited } = editor.origin<string>(`set.${name}`);
	return String(here ?? inherited ?? "");
}

/** Groups of settings as cards, with what follows the rows of each; rows that do not matter with what is chosen are not there. */
export function SettingCards(props: { groups: readonly SettingGroup[]; page: string; children?: ReactNode }) {
	const { t } = useTranslation();
	const editor = useEditor();
	return (
		<>
			{props.groups
				.map((g) => ({ ...g, rows: g.rows.filter((r) => !r.when || r.when((n) => settingOf(editor, n))) }))
				.filter((g) => g.rows.length > 0)
				.map((g) => (
					<Card key={g.group} title={t(g.group)}>
						{g.note && <p className="yg-note">{t(g.note)}</p>}
						{g.rows.map((row) => (
							<Row key={row.name} row={row} page={props.page} />
						))}
						{props.children}
					</Card>
				))}
		</>
	);
}
