import { Checkbox, FormSelect, FormSelectOption, TextArea, TextInput } from "@patternfly/react-core";
import { useId, useState } from "react";
import { ZoneChoice } from "../admin/parts";
import { Refs } from "../admin/Refs";
import { timeAt, wallOf } from "../admin/wall";
import { useTranslation } from "../i18n";
import { Card } from "../ui/parts";
import { Code } from "./Code";
import { choiceText, type Draft, entriesOf, type Field, type Group, isShown, type Spot } from "./fields";
import { Hours } from "./Hours";
import type { KindName } from "./names";
import { useObjects } from "./queries";

const zoneHere = Intl.DateTimeFormat().resolvedOptions().timeZone;

interface ControlProps {
	f: Field;
	id: string;
	value: unknown;
	problem?: string;
	place?: Spot | null;
	onChange: (value: unknown) => void;
}

const described = (p: ControlProps) => ({
	id: p.id,
	"aria-invalid": p.problem ? true : undefined,
	"aria-describedby":
		[p.problem && `${p.id}-problem`, p.f.note && `${p.id}-note`].filter(Boolean).join(" ") || undefined,
});

/** The text stays as it is typed; what is kept are its entries. */
function Lines(props: ControlProps & { example: string }) {
	const stored = (Array.isArray(props.value) ? props.value : []).join("\n");
	const [text, setText] = useState(stored);
	const shown = entriesOf(text).join("\n") === stored ? text : stored;
	const rows = Math.min(16, Math.max(4, shown.split("\n").length + 1));
	return (
		<textarea
			{...described(props)}
			className="yg-lines"
			rows={rows}
			spellCheck={false}
			placeholder={props.example}
			value={shown}
			onChange={(e) => {
				setText(e.target.value);
				props.onChange(entriesOf(e.target.value));
			}}
		/>
	);
}

function Ref(props: ControlProps & { kind: KindName }) {
	const { t } = useTranslation();
	const all = useObjects(props.kind).data ?? [];
	return (
		<FormSelect
			{...described(props)}
			value={String(props.value ?? 0)}
			validated={props.problem ? "error" : "default"}
			onChange={(_e, v) => props.onChange(Number(v))}
		>
			<FormSelectOption value="0" label={t("object.noRef")} />
			{all.map((o) => (
				<FormSelectOption key={o.ID} value={String(o.ID)} label={o.name} />
			))}
		</FormSelect>
	);
}

function Number_(props: ControlProps & { min: number; max: number; none?: number }) {
	const empty = props.value === undefined || props.value === props.none;
	return (
		<TextInput
			{...described(props)}
			type="number"
			min={props.min}
			max={props.max}
			className="yg-number"
			validated={props.problem ? "error" : "default"}
			value={empty ? "" : String(props.value)}
			onChange={(_e, v) => props.onChange(v === "" ? (props.none ?? 0) : Number(v))}
		/>
	);
}

function Flags(props: ControlProps & { choices: readonly string[]; words: string }) {
	const { word } = useTranslation();
	const now = Array.isArray(props.value) ? (props.value as string[]) : [];
	return (
		<div className="yg-flags">
			{props.choices.map((c) => (
				<Checkbox
					key={c}
					id={`${props.id}-${c}`}
					label={choiceText(word, props.words, c)}
					isChecked={now.includes(c)}
					onChange={(_e, on) => props.onChange(props.choices.filter((x) => (x === c ? on : now.includes(x))))}
				/>
			))}
		</div>
	);
}

function Control(props: ControlProps) {
	const { t, word } = useTranslation();
	const { f, value, onChange } = props;
	const { input } = f;
	if (input.type === "choice")
		return (
			<FormSelect
				{...described(props)}
				value={String(value ?? input.choices[0])}
				validated={props.problem ? "error" : "default"}
				onChange={(_e, v) => onChange(v)}
			>
				{input.choices.map((c) => (
					<FormSelectOption key={c} value={c} label={choiceText(word, input.words, c)} />
				))}
			</FormSelect>
		);
	if (input.type === "refs")
		return <Refs label={t(f.label)} kind={input.kind} value={(value as number[]) ?? []} onChange={onChange} />;
	if (input.type === "own") {
		const Own = input.control;
		return <Own value={value} onChange={onChange} />;
	}
	if (input.type === "secret")
		return (
			<TextInput
				{...described(props)}
				type="password"
				autoComplete="new-password"
				placeholder={input.fresh ? undefined : t("secret.unchanged")}
				validated={props.problem ? "error" : "default"}
				value={String(value ?? "")}
				onChange={(_e, v) => onChange(v === "" ? undefined : v)}
			/>
		);
	if (input.type === "date")
		return (
			<TextInput
				{...described(props)}
				type="datetime-local"
				className="yg-when"
				value={value ? wallOf(zoneHere, Number(value)) : ""}
				onChange={(_e, v) => onChange(timeAt(zoneHere, v) ?? undefined)}
			/>
		);
	if (input.type === "zone")
		return <ZoneChoice {...described(props)} value={String(value ?? "UTC")} onChange={onChange} />;
	if (input.type === "ref") return <Ref {...props} kind={input.kind} />;
	if (input.type === "lines") return <Lines {...props} example={input.example} />;
	if (input.type === "number") return <Number_ {...props} {...input} />;
	if (input.type === "flags") return <Flags {...props} {...input} />;
	if (input.type === "hours")
		return <Hours label={t(f.label)} value={(value as boolean[]) ?? Array(168).fill(true)} onChange={onChange} />;
	if (input.type === "code")
		return (
			<Code
				id={props.id}
				label={t(f.label)}
				value={String(value ?? "")}
				problem={props.problem}
				place={props.place}
				onChange={onChange}
			/>
		);
	if (input.type === "area")
		return (
			<TextArea
				{...described(props)}
				rows={2}
				resizeOrientation="vertical"
				value={String(value ?? "")}
				onChange={(_e, v) => onChange(v)}
			/>
		);
	return (
		<TextInput
			{...described(props)}
			className={input.type === "text" && input.mono ? "yg-mono" : undefined}
			spellCheck="false"
			maxLength={input.type === "text" ? input.max : undefined}
			isRequired={f.required}
			validated={props.problem ? "error" : "default"}
			value={String(value ?? "")}
			onChange={(_e, v) => onChange(v)}
		/>
	);
}

/** A field with its label, what there is to know about it, and what the manager has against it. */
export function FieldRow(props: {
	f: Field;
	value: unknown;
	problem?: string;
	place?: Spot | null;
	/** The card says what it is. */
	unlabelled?: boolean;
	onChange: (value: unknown) => void;
}) {
	const { t } = useTranslation();
	const id = useId();
	const { f, problem } = props;
	const wrong = problem && (
		<p id={`${id}-problem`} className="yg-wrong" role="alert">
			{problem}
		</p>
	);
	const note = f.note && (
		<p id={`${id}-note`} className="yg-note">
			{t(f.note)}
		</p>
	);
	if (f.input.type === "switch")
		return (
			<div className="yg-field" data-field={f.name}>
				<Checkbox
					id={id}
					label={t(f.label)}
					description={f.note && t(f.note)}
					isChecked={props.value === true}
					isValid={!problem}
					onChange={(_e, on) => props.onChange(on)}
				/>
				{wrong}
			</div>
		);
	const group = ["flags", "hours", "refs", "own"].includes(f.input.type);
	const control = (
		<Control f={f} id={id} value={props.value} problem={problem} place={props.place} onChange={props.onChange} />
	);
	return group ? (
		<fieldset className="yg-field" data-field={f.name}>
			<legend className={props.unlabelled ? "yg-hidden" : undefined}>{t(f.label)}</legend>
			{control}
			{wrong}
			{note}
		</fieldset>
	) : (
		<div className="yg-field" data-field={f.name}>
			<label htmlFor={id} className={props.unlabelled ? "yg-hidden" : undefined}>
				{t(f.label)}
				{f.required && (
					<span className="yg-wrong" aria-hidden="true">
						{" *"}
					</span>
				)}
			</label>
			{control}
			{wrong}
			{note}
		</div>
	);
}

/** All groups of a kind; a field that does not matter with what is chosen is not there. */
export function ObjectForm(props: {
	groups: readonly Group[];
	value: Draft;
	/** The field that was refused, and why. */
	problem: { field: string; text: string; place?: Spot | null } | null;
	onChange: (name: string, value: unknown) => void;
}) {
	const { t } = useTranslation();
	return (
		<div className="yg-form">
			{props.groups
				.map((g) => ({ ...g, fields: g.fields.filter((f) => isShown(f, props.value)) }))
				.filter((g) => g.fields.length > 0)
				.map((g) => (
					<Card key={g.title} title={t(g.title)} className={g.half ? "yg-half" : undefined}>
						{g.fields.map((f) => (
							<FieldRow
								key={f.name}
								f={f}
								value={props.value[f.name]}
								unlabelled={f.label === g.title}
								problem={props.problem?.field === f.name ? props.problem.text : undefined}
								place={props.problem?.place}
								onChange={(v) => props.onChange(f.name, v)}
							/>
						))}
					</Card>
				))}
		</div>
	);
}
