import { Button, FormSelect, FormSelectOption } from "@patternfly/react-core";
import { usePolicies } from "../api/queries";
import { useTranslation } from "../i18n";
import { useEditor } from "../inherit/Editor";
import { ChoiceRow, SettingRow } from "../inherit/rows";
import { SettingCards } from "../inherit/Settings";
import { useObjects } from "../objects/queries";
import { href, Link } from "../router/router";
import { Card } from "../ui/parts";
import { isolation } from "./settings";

interface Assignment {
	interfaceTypeID?: number;
	interfaceID?: number;
	statefulConfigurationID: number;
}
interface Assignments {
	statefulConfigurationAssignments: Assignment[];
}

/** The interface types of the policies that the object obeys; the nearest first. */
function useTypes() {
	const { levels } = useEditor();
	const policies = usePolicies().data ?? [];
	return levels
		.filter((l) => l.kind === "policies")
		.flatMap((l) =>
			(policies.find((p) => p.ID === l.id)?.interfaceTypes?.interfaceTypes ?? []).map((type) => ({ type, level: l })),
		);
}

const key = "fw.statefulConfigurationAssignments";

/** One choice for each interface type; the level's table holds as a whole. */
function PerType() {
	const { t } = useTranslation();
	const editor = useEditor();
	const types = useTypes();
	const configurations = useObjects("statefulconfigurations").data ?? [];
	const { here, inherited } = editor.origin<Assignments>(key);
	const now = (here ?? inherited)?.statefulConfigurationAssignments ?? [];
	const nameOf = (id: number) => configurations.find((c) => c.ID === id)?.name ?? `#${id}`;
	function set(type: number, configuration: number) {
		const rest = now.filter((a) => a.interfaceTypeID !== type);
		const next = configuration ? [...rest, { interfaceTypeID: type, statefulConfigurationID: configuration }] : rest;
		editor.set(key, { statefulConfigurationAssignments: next });
	}
	const show = (v: unknown) =>
		((v as Assignments | undefined)?.statefulConfigurationAssignments ?? [])
			.map((a) => nameOf(a.statefulConfigurationID))
			.join(t("common.comma")) || t("object.noRef");
	const policy = editor.levels.find((l) => l.kind === "policies");
	return (
		<SettingRow k={key} label={t("fw.perType")} note={t("fw.perTypeNote")} show={show}>
			{types.length === 0 && <p className="yg-note">{t("fw.noTypes")}</p>}
			{types.map(({ type }) => (
				<div key={type.ID} className="yg-pair">
					<span title={type.matches.join(t("common.comma"))}>{type.name}</span>
					<FormSelect
						aria-label={type.name}
						value={String(now.find((a) => a.interfaceTypeID === type.ID)?.statefulConfigurationID ?? 0)}
						onChange={(_e, v) => set(type.ID, Number(v))}
					>
						<FormSelectOption value="0" label={t("fw.asGlobal")} />
						{configurations.map((c) => (
							<FormSelectOption key={c.ID} value={String(c.ID)} label={c.name} />
						))}
					</FormSelect>
				</div>
			))}
			{policy && (
				<Link to={href("objects", { kind: "interfacetypes" }, { policy: String(policy.id) })}>{t("fw.editTypes")}</Link>
			)}
		</SettingRow>
	);
}

/** Patterns of interfaces are a text of several lines. */
function Patterns() {
	const { t } = useTranslation();
	const editor = useEditor();
	const k = "set.firewallSettingInterfacePatterns";
	const { here } = editor.origin<string>(k);
	return (
		<SettingRow
			k={k}
			label={t("fw.patterns")}
			note={t("fw.patternsNote")}
			show={(v) => String(v || t("inherit.empty"))}
		>
			{here === undefined ? (
				<Button variant="secondary" className="yg-start" onClick={() => editor.set(k, "")}>
					{t("inherit.own")}
				</Button>
			) : (
				<textarea
					className="yg-lines"
					rows={4}
					spellCheck={false}
					aria-label={t("fw.patterns")}
					placeholder="eth*"
					value={here}
					onChange={(e) => editor.set(k, e.target.value)}
				/>
			)}
		</SettingRow>
	);
}

export function Stateful() {
	const { t } = useTranslation();
	const configurations = useObjects("statefulconfigurations").data ?? [];
	return (
		<>
			<Card title={t("kind.statefulconfigurations")}>
				<ChoiceRow
					k="fw.globalStatefulConfigurationID"
					label={t("fw.global")}
					note={t("fw.globalNote")}
					number
					choices={configurations.map((c) => ({ value: String(c.ID), text: c.name }))}
				/>
				<PerType />
			</Card>
			<SettingCards groups={isolation} page="firewall">
				<Patterns />
			</SettingCards>
		</>
	);
}
