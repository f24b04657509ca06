import { Checkbox, FormSelect, FormSelectOption, TextInput } from "@patternfly/react-core";
import { type ReactNode, useId } from "react";
import { useTranslation } from "../i18n";
import { type RefKind, useRefs } from "./refs";

/** A label above its control. */
export function Labelled(props: { label: string; note?: string; children: (id: string) => ReactNode }) {
	const id = useId();
	return (
		<div className="yg-field">
			<label htmlFor={id}>{props.label}</label>
			{props.children(id)}
			{props.note && <p className="yg-note">{props.note}</p>}
		</div>
	);
}

export function Choice(props: {
	label: string;
	words: string;
	choices: readonly string[];
	value: string;
	onChange: (value: string) => void;
}) {
	const { word } = useTranslation();
	return (
		<Labelled label={props.label}>
			{(id) => (
				<FormSelect id={id} value={props.value} onChange={(_e, v) => props.onChange(v)}>
					{props.choices.map((c) => (
						<FormSelectOption key={c} value={c} label={word(props.words, c)} />
					))}
				</FormSelect>
			)}
		</Labelled>
	);
}

export function Numeral(props: {
	label: string;
	min: number;
	max: number;
	value: number;
	onChange: (value: number) => void;
}) {
	return (
		<Labelled label={props.label}>
			{(id) => (
				<TextInput
					id={id}
					type="number"
					min={props.min}
					max={props.max}
					className="yg-number"
					value={String(props.value)}
					onChange={(_e, v) => props.onChange(Math.min(props.max, Math.max(props.min, Number(v) || props.min)))}
				/>
			)}
		</Labelled>
	);
}

export function OneOf(props: {
	label: string;
	kind: RefKind;
	none?: boolean;
	value: number;
	onChange: (id: number) => void;
}) {
	const { t } = useTranslation();
	const all = useRefs(props.kind) ?? [];
	return (
		<Labelled label={props.label}>
			{(id) => (
				<FormSelect id={id} value={String(props.value)} onChange={(_e, v) => props.onChange(Number(v))}>
					{(props.none || !all.some((o) => o.ID === props.value)) && (
						<FormSelectOption value={props.none ? "0" : String(props.value)} label={t("object.noRef")} />
					)}
					{all.map((o) => (
						<FormSelectOption key={o.ID} value={String(o.ID)} label={o.name} />
					))}
				</FormSelect>
			)}
		</Labelled>
	);
}

export function Several(props: {
	label: string;
	words: string;
	choices: readonly string[];
	value: readonly string[];
	onChange: (value: string[]) => void;
}) {
	const { word } = useTranslation();
	const id = useId();
	return (
		<fieldset className="yg-field">
			<legend>{props.label}</legend>
			<div className="yg-flags">
				{props.choices.map((c) => (
					<Checkbox
						key={c}
						id={`${id}-${c}`}
						label={word(props.words, c)}
						isChecked={props.value.includes(c)}
						onChange={(_e, on) => props.onChange(props.choices.filter((x) => (x === c ? on : props.value.includes(x))))}
					/>
				))}
			</div>
		</fieldset>
	);
}

const zones: readonly string[] =
	"supportedValuesOf" in Intl ? ["UTC", ...Intl.supportedValuesOf("timeZone").filter((z) => z !== "UTC")] : ["UTC"];

export function ZoneChoice(props: { id: string; value: string; onChange: (value: string) => void }) {
	const { value, onChange, ...rest } = props;
	const all = zones.includes(value) ? zones : [value, ...zones];
	return (
		<FormSelect {...rest} value={value} onChange={(_e, v) => onChange(v)}>
			{all.map((z) => (
				<FormSelectOption key={z} value={z} label={z} />
			))}
		</FormSelect>
	);
}

export function Zone(props: { label: string; value: string; onChange: (value: string) => void }) {
	return (
		<Labelled label={props.label}>
			{(id) => <ZoneChoice id={id} value={props.value} onChange={props.onChange} />}
		</Labelled>
	);
}
