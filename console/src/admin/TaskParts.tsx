import { Button, Checkbox, TextInput } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { useId } from "react";
import { call } from "../api/client";
import { useTranslation } from "../i18n";
import { Choice, Labelled, OneOf } from "./parts";
import { Refs } from "./Refs";
import {
	actionRefs,
	actionTypes,
	conditionFields,
	filterRefs,
	filterTypes,
	scanTimeouts,
	updateTimeouts,
} from "./tasks";

type Part = Record<string, unknown>;
interface PartProps {
	value: unknown;
	onChange: (value: Part) => void;
}

function Which(props: PartProps) {
	const { t, word } = useTranslation();
	const filter = (props.value ?? {}) as Part;
	const type = String(filter.type ?? "all-computers");
	const ref = filterRefs[type];
	return (
		<>
			<Choice
				label={t("task.computers")}
				words="computerFilter"
				choices={filterTypes}
				value={type}
				onChange={(v) => props.onChange({ type: v })}
			/>
			{ref && (
				<OneOf
					label={word("filterRef", ref.kind)}
					kind={ref.kind}
					value={Number(filter[ref.member] ?? -1)}
					onChange={(id) => props.onChange({ type, [ref.member]: id })}
				/>
			)}
		</>
	);
}

/** Parameters that are computers and perhaps how long it may take. */
function over(timeouts?: readonly string[]) {
	return function Over(props: PartProps) {
		const { t } = useTranslation();
		const all = (props.value ?? {}) as Part;
		return (
			<>
				<Which value={all.computerFilter} onChange={(f) => props.onChange({ ...all, computerFilter: f })} />
				{timeouts && (
					<Choice
						label={t("task.timeout")}
						words="timeout"
						choices={timeouts}
						value={String(all.timeout ?? "never")}
						onChange={(v) => props.onChange({ ...all, timeout: v })}
					/>
				)}
			</>
		);
	};
}

export const Computers = over();
export const Scan = over(scanTimeouts);
export const Update = over(updateTimeouts);

export function Recipients(props: PartProps) {
	const { t } = useTranslation();
	const id = useId();
	const all = (props.value ?? {}) as Part;
	const to = (all.recipients ?? { allAdministratorsAndContacts: true }) as Part;
	const set = (r: Part) => props.onChange({ ...all, recipients: r });
	return (
		<>
			<Checkbox
				id={id}
				label={t("task.allRecipients")}
				isChecked={to.allAdministratorsAndContacts === true}
				onChange={(_e, on) => set({ ...to, allAdministratorsAndContacts: on })}
			/>
			{to.allAdministratorsAndContacts !== true && (
				<>
					<p className="yg-label">{t("kind.administrators")}</p>
					<Refs
						label={t("kind.administrators")}
						kind="administrators"
						value={(to.administratorIDs as number[]) ?? []}
						onChange={(v) => set({ ...to, administratorIDs: v })}
					/>
					<p className="yg-label">{t("kind.contacts")}</p>
					<Refs
						label={t("kind.contacts")}
						kind="contacts"
						value={(to.contactIDs as number[]) ?? []}
						onChange={(v) => set({ ...to, contactIDs: v })}
					/>
				</>
			)}
		</>
	);
}

export function Script(props: PartProps) {
	const { t } = useTranslation();
	const scripts = useQuery({
		queryKey: ["scripts"],
		queryFn: async () => (await call<{ scripts: { name: string }[] }>("GET", "/scripts")).scripts,
	}).data;
	const now = String((props.value as Part | undefined)?.filename ?? "");
	const names = [...new Set([...(now ? [now] : []), ...(scripts ?? []).map((s) => s.name)])];
	return (
		<>
			<Choice
				label={t("task.script")}
				words="script"
				choices={now ? names : ["", ...names]}
				value={now}
				onChange={(v) => props.onChange({ filename: v })}
			/>
			<p className="yg-note">{t("task.scriptNote")}</p>
		</>
	);
}

export function Discover(props: PartProps) {
	const { t } = useTranslation();
	const all = (props.value ?? {}) as Part;
	const type = String(all.discoveryType ?? "range");
	const text = (name: string, label: string, example: string) => (
		<Labelled label={label}>
			{(id) => (
				<TextInput
					id={id}
					className="yg-mono"
					placeholder={example}
					value={String(all[name] ?? "")}
					onChange={(_e, v) => props.onChange({ ...all, discoveryType: type, [name]: v })}
				/>
			)}
		</Labelled>
	);
	return (
		<>
			<Choice
				label={t("task.addresses")}
				words="discovery"
				choices={["range", "masked-ip"]}
				value={type}
				onChange={(v) => props.onChange({ discoveryType: v, computerGroupID: all.computerGroupID })}
			/>
			{type === "range" ? (
				<>
					{text("iprangeLow", t("task.rangeLow"), "192.0.2.1")}
					{text("iprangeHigh", t("task.rangeHigh"), "192.0.2.254")}
				</>
			) : (
				<>
					{text("ip", t("task.network"), "192.0.2.0")}
					{text("ipmask", t("task.mask"), "255.255.255.0")}
				</>
			)}
			<OneOf
				label={t("task.intoGroup")}
				kind="computergroups"
				none
				value={Number(all.computerGroupID ?? 0)}
				onChange={(id) => props.onChange({ ...all, discoveryType: type, computerGroupID: id })}
			/>
		</>
	);
}

/* ---- event-based tasks ---- */

interface ListProps {
	value: unknown;
	onChange: (value: Part[]) => void;
}

function Rows(
	props: ListProps & { add: string; fresh: Part; row: (p: Part, set: (p: Part) => void) => React.ReactNode },
) {
	const { t } = useTranslation();
	const rows = (props.value as Part[]) ?? [];
	return (
		<div className="yg-parts">
			{rows.map((r, i) => (
				// biome-ignore lint/suspicious/noArrayIndexKey: rows have no name; their place is what they are
				<fieldset key={i} className="yg-part" aria-label={t("task.rowOf", { n: i + 1, count: rows.length })}>
					{props.row(r, (p) => props.onChange(rows.map((x, k) => (k === i ? p : x))))}
					<Button variant="link" onClick={() => props.onChange(rows.filter((_x, k) => k !== i))}>
						{t("task.removeRow")}
					</Button>
				</fieldset>
			))}
			<Button variant="secondary" onClick={() => props.onChange([...rows, props.fresh])}>
				{props.add}
			</Button>
		</div>
	);
}

export function Actions(props: ListProps) {
	const { t } = useTranslation();
	return (
		<Rows
			{...props}
			add={t("task.addAction")}
			fresh={{ type: "activate", parameterValue: 0 }}
			row={(p, set) => {
				const type = String(p.type);
				const value = Number(p.parameterValue ?? 0);
				const known = actionTypes.includes(type) ? actionTypes : [...actionTypes, type];
				return (
					<>
						<Choice
							label={t("task.action")}
							words="taskAction"
							choices={known}
							value={type}
							onChange={(v) => set({ type: v, parameterValue: 0 })}
						/>
						{actionRefs[type] && (
							<OneOf
								label={t("task.assign")}
								kind={actionRefs[type]}
								none
								value={value}
								onChange={(id) => set({ type, parameterValue: id })}
							/>
						)}
					</>
				);
			}}
		/>
	);
}

export function Conditions(props: ListProps) {
	const { t } = useTranslation();
	return (
		<>
			<p className="yg-note">{t("task.conditionNote")}</p>
			<Rows
				{...props}
				add={t("task.addCondition")}
				fresh={{ field: "hostname", value: ".*" }}
				row={(p, set) => {
					const field = String(p.field);
					const known = conditionFields.includes(field) ? conditionFields : [...conditionFields, field];
					return (
						<>
							<Choice
								label={t("task.condition")}
								words="taskCondition"
								choices={known}
								value={field}
								onChange={(v) => set({ ...p, field: v })}
							/>
							{field === "tag" && (
								<Labelled label={t("task.tagKey")}>
									{(id) => (
										<TextInput id={id} value={String(p.key ?? "")} onChange={(_e, v) => set({ ...p, key: v })} />
									)}
								</Labelled>
							)}
							<Labelled label={t("task.pattern")}>
								{(id) => (
									<TextInput
										id={id}
										className="yg-mono"
										spellCheck="false"
										value={String(p.value ?? "")}
										onChange={(_e, v) => set({ ...p, value: v })}
									/>
								)}
							</Labelled>
						</>
					);
				}}
			/>
		</>
	);
}
