import { type ReactNode, useState } from "react";
import { ComputerEvents } from "../events/ComputerEvents";
import { type Key, useTranslation } from "../i18n";
import { ChoiceRow } from "../inherit/rows";
import { SaveBar } from "../inherit/SaveBar";
import { SettingCards, type SettingGroup } from "../inherit/Settings";
import { href } from "../router/router";
import { Card, Tabs } from "../ui/parts";
import { Files } from "./Files";
import { Parts } from "./Parts";
import { LogRules } from "./Rules";
import { Tester } from "./Tester";
import "../network/words";

const LEVELS = [
	"0",
	"1",
	"2",
	"Low (3)",
	"4",
	"5",
	"Medium (6)",
	"7",
	"High (8)",
	"9",
	"Critical (10)",
	"11",
	"12",
	"13",
	"14",
	"15",
];
const clipping = "logInspectionSettingSeverityClippingAgentEvent";

const settings: SettingGroup[] = [
	{
		group: "logs.clipping",
		note: "logs.clippingNote",
		rows: [
			{ name: `${clipping}StoreLevelMin`, label: "logs.store", kind: "words", words: "logLevel", values: LEVELS },
			{ name: `${clipping}SendSyslogLevelMin`, label: "logs.send", kind: "words", words: "logLevel", values: LEVELS },
		],
	},
];

function General() {
	const { t } = useTranslation();
	return (
		<>
			<Card title={t("am.protection")}>
				<ChoiceRow
					k="li.state"
					label={t("modules.loginspection")}
					note={t("logs.about")}
					choices={[
						{ value: "on", text: t("common.on") },
						{ value: "off", text: t("common.off") },
					]}
				/>
			</Card>
			<SettingCards groups={settings} page="log-inspection" />
		</>
	);
}

interface Tab {
	name: string;
	label: Key;
	computer?: boolean;
	show: (of: string, id: number, lines: string, onLines: (v: string) => void) => ReactNode;
}

const tabs: Tab[] = [
	{ name: "general", label: "network.tab.general", show: () => <General /> },
	{ name: "rules", label: "network.tab.rules", show: () => <LogRules /> },
	{
		name: "tester",
		label: "logs.tester",
		show: (of, id, v, set) => <Tester of={of} id={id} lines={v} onLines={set} />,
	},
	{ name: "decoders", label: "logs.decoders", show: (of, id) => <Parts of={of} id={id} /> },
	{ name: "files", label: "logs.files", computer: true, show: (_of, id) => <Files id={id} /> },
	{
		name: "events",
		label: "network.tab.events",
		computer: true,
		show: (_of, id) => <ComputerEvents name="loginspection" computer={String(id)} />,
	},
];

/** Log Inspection, the same in the policy and in the computer editor; a computer has more. */
export function LogInspectionSection(props: {
	of: "policy" | "computer";
	id: number;
	tab: string;
	children?: ReactNode;
}) {
	const { t } = useTranslation();
	const [lines, setLines] = useState("");
	const shown = tabs.filter((x) => props.of === "computer" || !x.computer);
	const tab = shown.find((x) => x.name === props.tab) ?? shown[0];
	const to = (name: string) =>
		href(props.of === "computer" ? "computerTab" : "policyTab", { id: props.id, module: "log-inspection", tab: name });
	return (
		<>
			<Tabs
				small
				label={t("modules.loginspection")}
				tabs={shown.map((x) => ({ to: to(x.name), text: t(x.label), current: x === tab }))}
			/>
			{tab.name === "general" && props.children}
			{tab.show(props.of === "computer" ? "computers" : "policies", props.id, lines, setLines)}
			<SaveBar />
		</>
	);
}
