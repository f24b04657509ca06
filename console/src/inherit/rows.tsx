import { Button, FormSelect, FormSelectOption, TextInput } from "@patternfly/react-core";
import { type ReactNode, useId } from "react";
import { useTranslation } from "../i18n";
import { href, Link } from "../router/router";
import { Icon } from "../ui/icons";
import { memberOf, modules, type Origin, type ValueKey } from "./chain";
import { useEditor } from "./Editor";

export interface Choice {
	value: string;
	text: string;
}

/** Where the value comes from, and what every level on the way says. */
function Source(props: { k: ValueKey; page?: string; origin: Origin<unknown>; show: (value: unknown) => string }) {
	const { t } = useTranslation();
	const { origin } = props;
	const { levels } = useEditor();
	const member = memberOf(props.k);
	const page = props.page ?? modules[member?.module ?? "am"].page;
	const text =
		origin.here !== undefined
			? t(levels[0].kind === "computers" ? "inherit.here" : "inherit.herePolicy")
			: origin.from
				? t("inherit.from", { name: origin.from.name })
				: t("inherit.default");
	return (
		<details className="yg-source">
			<summary>{text}</summary>
			<ol>
				{origin.chain.map((step, i) => (
					<li key={step.id} aria-current={i === origin.chain.length - 1 ? "true" : undefined}>
						<span>{step.name}</span>
						<span>{step.value === undefined ? "–" : props.show(step.value)}</span>
					</li>
				))}
			</ol>
			{origin.here === undefined && origin.from && (
				<Link to={href("policyModule", { id: origin.from.id, module: page })}>
					{t("inherit.open", { name: origin.from.name })}
				</Link>
			)}
		</details>
	);
}

/** Label, control, source, reset: every setting is one of these. */
export function SettingRow(props: {
	k: ValueKey;
	label: string;
	note?: string;
	labelFor?: string;
	/** The section that a link to where the value comes from leads to; of settings. */
	page?: string;
	show: (value: unknown) => string;
	children: ReactNode;
}) {
	const { t } = useTranslation();
	const editor = useEditor();
	const origin = editor.origin(props.k);
	const own = origin.here !== undefined;
	const root = editor.levels.length === 1 && editor.levels[0].kind === "policies";
	return (
		<div className={`yg-row ${own && !root ? "yg-own" : ""} ${editor.draft.has(props.k) ? "yg-changed" : ""}`}>
			<div className="yg-row-label">
				<label htmlFor={props.labelFor}>{props.label}</label>
				{own && !root && (
					<span className="yg-mark">
						<Icon name="override" />
						{t("inherit.overridden")}
					</span>
				)}
				{props.note && <p className="yg-note">{props.note}</p>}
			</div>
			<div className="yg-row-control">{props.children}</div>
			<div className="yg-row-source">
				<Source k={props.k} page={props.page} origin={origin} show={props.show} />
				{own && (
					<Button variant="link" size="sm" isInline onClick={() => editor.set(props.k, null)}>
						{t(root ? "inherit.resetDefault" : "inherit.reset")}
					</Button>
				)}
			</div>
		</div>
	);
}

/** "Inherited (On)": the value in brackets is what would be inherited. */
function useInheritedText(k: ValueKey, show: (value: unknown) => string): string {
	const { t } = useTranslation();
	const { origin: of, levels } = useEditor();
	const { inherited, from } = of<unknown>(k);
	const word = from || levels.length > 1 ? "inherit.inherited" : "inherit.defaultIs";
	return t(word, { value: inherited === undefined ? t("inherit.unset") : show(inherited) });
}

const INHERIT = "\u0000";

export function ChoiceRow(props: {
	k: ValueKey;
	label: string;
	note?: string;
	choices: readonly Choice[];
	number?: boolean;
	page?: string;
}) {
	const id = useId();
	const editor = useEditor();
	// An ID that nobody set is "" in the defaults, and 0 when somebody took it away.
	const show = (v: unknown) => props.choices.find((c) => c.value === String(v === "" ? 0 : v))?.text ?? String(v);
	const { here } = editor.origin<string | number>(props.k);
	const inherited = useInheritedText(props.k, show);
	return (
		<SettingRow {...props} labelFor={id} show={show}>
			<FormSelect
				id={id}
				value={here === undefined ? INHERIT : String(here)}
				onChange={(_e, v) => editor.set(props.k, v === INHERIT ? null : props.number ? Number(v) : v)}
			>
				<FormSelectOption value={INHERIT} label={inherited} />
				{props.choices.map((c) => (
					<FormSelectOption key={c.value} value={c.value} label={c.text} />
				))}
			</FormSelect>
		</SettingRow>
	);
}

export function TextRow(props: {
	k: ValueKey;
	label: string;
	note?: string;
	unit?: string;
	number?: { min: number; max: number };
	page?: string;
}) {
	const { t } = useTranslation();
	const id = useId();
	const editor = useEditor();
	const show = (v: unknown) => (props.unit ? `${v} ${props.unit}` : String(v) || t("inherit.empty"));
	const { here, inherited } = editor.origin<string>(props.k);
	const inheritedText = useInheritedText(props.k, show);
	const own = here !== undefined;
	return (
		<SettingRow {...props} labelFor={id} show={show}>
			<FormSelect
				id={id}
				value={own ? "own" : INHERIT}
				onChange={(_e, v) => editor.set(props.k, v === INHERIT ? null : String(inherited ?? props.number?.min ?? ""))}
			>
				<FormSelectOption value={INHERIT} label={inheritedText} />
				<FormSelectOption value="own" label={t("inherit.own")} />
			</FormSelect>
			{own && (
				<span className="yg-own-value">
					<TextInput
						type={props.number ? "number" : "text"}
						min={props.number?.min}
						max={props.number?.max}
						aria-label={props.label}
						value={String(here)}
						onChange={(_e, v) => editor.set(props.k, v)}
					/>
					{props.unit && <span>{props.unit}</span>}
				</span>
			)}
		</SettingRow>
	);
}
