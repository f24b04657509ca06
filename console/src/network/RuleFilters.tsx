import { FormSelect, FormSelectOption } from "@patternfly/react-core";
import { type Key, useTranslation } from "../i18n";
import type { Item } from "../objects/kinds";
import { useObjects } from "../objects/queries";

export const filterNames = ["assigned", "recommended", "unneeded", "customised", "all"] as const;
export type FilterName = (typeof filterNames)[number];
export const severities = ["critical", "high", "medium", "low"] as const;

/** Which rules are shown: kept in the address. */
export interface Shown {
	show: FilterName;
	severity: string;
	type: string;
}

/** Rules of the chosen severity and application type; empty: any. */
export const ofKind = (rules: readonly Item[], severity: string, type: string) =>
	rules.filter((r) => (!severity || r.severity === severity) && (!type || String(r.applicationTypeID ?? 0) === type));

/** As tabs, each with how many there are. */
export function Filters(props: {
	names: readonly FilterName[];
	counts: Record<FilterName, number>;
	value: FilterName;
	onChange: (f: FilterName) => void;
}) {
	const { t } = useTranslation();
	return (
		<fieldset className="yg-segments">
			<legend className="yg-hidden">{t("rules.show")}</legend>
			{props.names.map((f) => (
				<button key={f} type="button" aria-pressed={f === props.value} onClick={() => props.onChange(f)}>
					{t(`rules.${f}` as Key)} <span className="yg-note">{props.counts[f]}</span>
				</button>
			))}
		</fieldset>
	);
}

/** Severity and application type of rules of Intrusion Prevention. */
export function KindFilters(props: {
	severity: string;
	type: string;
	onChange: (change: { severity?: string; type?: string }) => void;
}) {
	const { t, word } = useTranslation();
	const types = useObjects("applicationtypes").data ?? [];
	return (
		<>
			<FormSelect
				aria-label={t("events.severity")}
				className="yg-narrow"
				value={props.severity}
				onChange={(_e, v) => props.onChange({ severity: v })}
			>
				<FormSelectOption value="" label={t("rules.anySeverity")} />
				{severities.map((s) => (
					<FormSelectOption key={s} value={s} label={word("ruleSeverity", s)} />
				))}
			</FormSelect>
			<FormSelect
				aria-label={t("kind.applicationtypes.one")}
				className="yg-narrow"
				value={props.type}
				onChange={(_e, v) => props.onChange({ type: v })}
			>
				<FormSelectOption value="" label={t("rules.anyType")} />
				{types.map((o) => (
					<FormSelectOption key={o.ID} value={String(o.ID)} label={o.name} />
				))}
			</FormSelect>
		</>
	);
}
