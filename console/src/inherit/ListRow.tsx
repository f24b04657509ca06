import { Button, Checkbox, FormSelect, FormSelectOption, TextInput } from "@patternfly/react-core";
import { type FormEvent, useId, useState } from "react";
import { type ListKind, useSharedLists } from "../api/queries";
import type { ListSetting } from "../api/types";
import { useTranslation } from "../i18n";
import { Icon } from "../ui/icons";
import { type ListEntry, listEntries, ownValue, type ValueKey } from "./chain";
import { useEditor } from "./Editor";

/** A list that adds up along the levels: rows say from where; a parent's rows can be cut off, not deleted. */
export function ListRow(props: { k: ValueKey; label: string; note: string; kind: ListKind; example: string }) {
	const { t } = useTranslation();
	const id = useId();
	const editor = useEditor();
	const shared = useSharedLists(props.kind).data ?? [];
	const [text, setText] = useState("");
	const entries = listEntries(editor.levels, props.k, props.kind);
	const own = (ownValue(editor.levels[0], props.k) ?? {}) as ListSetting;
	const now: ListSetting = {
		lists: own.lists ?? [],
		inherited: own.inherited ?? true,
		[props.kind]: own[props.kind] ?? [],
	};
	const put = (change: Partial<ListSetting>) => {
		const next = { ...now, ...change };
		const plain = next.inherited !== false && !next.lists?.length && !next[props.kind]?.length;
		editor.set(props.k, plain ? null : next);
	};
	const isOwn = (e: ListEntry) => e.level === editor.levels[0];
	const nameOf = (e: ListEntry) =>
		e.list === undefined ? e.text : t("lists.shared", { name: shared.find((l) => l.ID === e.list)?.name ?? e.text });
	const unused = shared.filter((l) => !now[props.kind]?.includes(l.ID));
	const hasParents = editor.levels.length > 1;

	function add(e: FormEvent) {
		e.preventDefault();
		const entry = text.trim();
		if (entry && !now.lists?.includes(entry)) put({ lists: [...(now.lists ?? []), entry] });
		setText("");
	}
	function remove(e: ListEntry) {
		if (e.list === undefined) put({ lists: now.lists?.filter((x) => x !== e.text) });
		else put({ [props.kind]: now[props.kind]?.filter((x) => x !== e.list) });
	}
	return (
		<div className={`yg-listrow ${editor.draft.has(props.k) ? "yg-changed" : ""}`}>
			<h3 id={id}>{props.label}</h3>
			<p className="yg-note">{props.note}</p>
			<ul aria-labelledby={id}>
				{entries.map((e) => (
					<li key={`${e.level.kind}-${e.level.id}-${e.text}`} className={e.cut ? "yg-cut" : ""}>
						<code title={e.list === undefined ? undefined : shared.find((l) => l.ID === e.list)?.items.join("\n")}>
							{e.cut ? <del>{nameOf(e)}</del> : nameOf(e)}
						</code>
						<span className="yg-note">
							{isOwn(e) ? t("inherit.addedHere") : t("inherit.from", { name: e.level.name })}
						</span>
						{isOwn(e) && (
							<Button
								variant="plain"
								size="sm"
								aria-label={t("lists.remove", { entry: nameOf(e) })}
								onClick={() => remove(e)}
								icon={<Icon name="close" />}
							/>
						)}
					</li>
				))}
				{entries.length === 0 && <li className="yg-note">{t("lists.none")}</li>}
			</ul>
			<form onSubmit={add} className="yg-add">
				<TextInput
					aria-label={t("lists.new", { list: props.label })}
					placeholder={props.example}
					value={text}
					spellCheck="false"
					onChange={(_e, v) => setText(v)}
				/>
				<Button type="submit" variant="secondary" isDisabled={!text.trim()}>
					{t("lists.add")}
				</Button>
				{unused.length > 0 && (
					<FormSelect
						aria-label={t("lists.useShared")}
						className="yg-choice"
						value=""
						onChange={(_e, v) => v && put({ [props.kind]: [...(now[props.kind] ?? []), Number(v)] })}
					>
						<FormSelectOption value="" label={t("lists.useShared")} />
						{unused.map((l) => (
							<FormSelectOption key={l.ID} value={String(l.ID)} label={l.name} />
						))}
					</FormSelect>
				)}
			</form>
			{hasParents && (
				<Checkbox
					id={`${id}-inherit`}
					label={t("lists.inherit")}
					isChecked={now.inherited !== false}
					onChange={(_e, on) => put({ inherited: on })}
				/>
			)}
		</div>
	);
}
