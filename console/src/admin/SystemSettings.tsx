import { Button, FormSelect, FormSelectOption, Switch, TextArea, TextInput } from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useId, useState } from "react";
import { call } from "../api/client";
import { useTranslation } from "../i18n";
import { guardLeaving, href } from "../router/router";
import { Card, PageHead, Problem, Tabs, Waiting } from "../ui/parts";
import { useSystemSettings } from "./queries";
import { useRefs } from "./refs";
import { type SettingTab, type SystemRow, settingTabs, systemSettings } from "./settings";
import "./words";
import "../network/words";

interface ControlProps {
	row: SystemRow;
	id: string;
	value: string;
	onChange: (value: string) => void;
}

function RefControl(props: ControlProps & { row: SystemRow & { kind: "ref" } }) {
	const { t } = useTranslation();
	const all = useRefs(props.row.of) ?? [];
	const now = props.value === "" ? "0" : props.value;
	return (
		<FormSelect id={props.id} value={now} onChange={(_e, v) => props.onChange(v)}>
			<FormSelectOption value="0" label={t("object.noRef")} />
			{all.map((o) => (
				<FormSelectOption key={o.ID} value={String(o.ID)} label={o.name} />
			))}
		</FormSelect>
	);
}

function Control(props: ControlProps) {
	const { t, word } = useTranslation();
	const { row, id, value, onChange } = props;
	switch (row.kind) {
		case "switch":
			return (
				<Switch
					id={id}
					aria-label={t(row.label)}
					isChecked={value === "true"}
					onChange={(_e, on) => onChange(String(on))}
				/>
			);
		case "choice":
			return (
				<FormSelect id={id} value={value} onChange={(_e, v) => onChange(v)}>
					{row.values.map((v) => (
						<FormSelectOption key={v} value={v} label={word("settingValue", v)} />
					))}
				</FormSelect>
			);
		case "ref":
			return <RefControl {...props} row={row} />;
		case "number":
			return (
				<TextInput
					id={id}
					type="number"
					className="yg-number"
					min={row.min}
					max={row.max}
					value={value}
					onChange={(_e, v) => onChange(v)}
				/>
			);
		case "secret":
			return (
				<TextInput
					id={id}
					type="password"
					autoComplete="new-password"
					placeholder={t("secret.unchanged")}
					value={value}
					onChange={(_e, v) => onChange(v)}
				/>
			);
		case "area":
			return <TextArea id={id} rows={3} value={value} onChange={(_e, v) => onChange(v)} />;
		default:
			return (
				<TextInput
					id={id}
					className={row.mono ? "yg-mono" : undefined}
					spellCheck="false"
					value={value}
					onChange={(_e, v) => onChange(v)}
				/>
			);
	}
}

function Row(props: { row: SystemRow; stored: string; draft?: string; onChange: (value: string) => void }) {
	const { t } = useTranslation();
	const id = useId();
	const { row } = props;
	// What is secret is never shown: an empty field leaves it as it is.
	const value = props.draft ?? (row.kind === "secret" ? "" : props.stored);
	return (
		<div className={`yg-field ${props.draft !== undefined ? "yg-changed" : ""}`}>
			<label htmlFor={id}>{t(row.label)}</label>
			<Control row={row} id={id} value={value} onChange={props.onChange} />
			{row.note && <p className="yg-note">{t(row.note)}</p>}
		</div>
	);
}

function useAskBeforeLeaving(changed: boolean) {
	const { t } = useTranslation();
	const text = t("editor.leave");
	useEffect(() => {
		if (!changed) return;
		guardLeaving((to) => to === window.location.pathname || window.confirm(text));
		const closing = (e: BeforeUnloadEvent) => e.preventDefault();
		window.addEventListener("beforeunload", closing);
		return () => {
			guardLeaving(null);
			window.removeEventListener("beforeunload", closing);
		};
	}, [changed, text]);
}

/** The manager's own settings, as far as it obeys them. */
export default function SystemSettings(props: { tab: string }) {
	const { t, word } = useTranslation();
	const client = useQueryClient();
	const stored = useSystemSettings();
	const [draft, setDraft] = useState<Record<string, string>>({});
	const tab = (settingTabs.find((x) => x === props.tab) ?? "agents") as SettingTab;
	const names = Object.keys(draft);
	const save = useMutation({
		mutationFn: () => call("POST", "/systemsettings", Object.fromEntries(names.map((n) => [n, { value: draft[n] }]))),
		onSuccess: async () => {
			await client.invalidateQueries({ queryKey: ["systemsettings"] });
			setDraft({});
		},
	});
	useAskBeforeLeaving(names.length > 0);
	if (stored.error && !stored.data) return <Problem error={stored.error} retry={stored.refetch} />;
	if (!stored.data) return <Waiting />;
	const settings = stored.data;
	function change(name: string, value: string) {
		save.reset();
		setDraft((d) => {
			const { [name]: _old, ...rest } = d;
			return value === (settings[name]?.value ?? "") ? rest : { ...rest, [name]: value };
		});
	}
	return (
		<>
			<PageHead title={t("admin.settings")} />
			<Tabs
				label={t("admin.settings")}
				tabs={settingTabs.map((x) => ({
					to: href("settings", { tab: x }),
					text: word("settingTab", x),
					current: x === tab,
				}))}
			/>
			<form
				className="yg-object"
				noValidate
				onSubmit={(e) => {
					e.preventDefault();
					save.mutate();
				}}
			>
				<div className="yg-form">
					{systemSettings[tab].map((g) => (
						<Card key={g.title} title={t(g.title)}>
							{g.rows.map((r) => (
								<Row
									key={r.name}
									row={r}
									stored={settings[r.name]?.value ?? ""}
									draft={draft[r.name]}
									onChange={(v) => change(r.name, v)}
								/>
							))}
						</Card>
					))}
				</div>
				<div role="status" className={names.length ? "yg-save" : "yg-hidden"}>
					{names.length > 0 && (
						<>
							<span>{t("sys.changed", { count: names.length })}</span>
							{save.error && <Problem error={save.error} />}
							<span className="yg-space" />
							<Button type="submit" isDisabled={save.isPending}>
								{t("editor.save")}
							</Button>
							<Button variant="link" onClick={() => setDraft({})}>
								{t("editor.discard")}
							</Button>
						</>
					)}
				</div>
			</form>
		</>
	);
}
