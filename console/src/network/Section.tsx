import type { ReactNode } from "react";
import { useEventClasses } from "../api/queries";
import { ComputerEvents } from "../events/ComputerEvents";
import { type Key, useTranslation } from "../i18n";
import { modules } from "../inherit/chain";
import { ChoiceRow } from "../inherit/rows";
import { SaveBar } from "../inherit/SaveBar";
import { SettingCards } from "../inherit/Settings";
import { href } from "../router/router";
import { Card, Tabs } from "../ui/parts";
import Capture from "./Capture";
import type { NetworkModule } from "./here";
import { Rules } from "./Rules";
import { Simulator } from "./Simulator";
import { Stateful } from "./Stateful";
import { advanced, general, prevention, reconnaissance } from "./settings";
import { Types } from "./Types";
import "./words";

/** A tab of a section; `computer`: only there. */
interface Tab {
	name: string;
	computer?: boolean;
	/** Only where the manager knows this class of events. */
	events?: string;
	show: (id: string, of: "policy" | "computer") => ReactNode;
}

function FirewallGeneral() {
	const { t } = useTranslation();
	return (
		<>
			<Card title={t("am.protection")}>
				<ChoiceRow
					k="fw.state"
					label={t("modules.firewall")}
					note={t("fw.about")}
					choices={[
						{ value: "on", text: t("common.on") },
						{ value: "off", text: t("common.off") },
					]}
				/>
			</Card>
			<SettingCards groups={general} page="firewall" />
		</>
	);
}

function PreventionGeneral() {
	const { t } = useTranslation();
	return (
		<>
			<Card title={t("am.protection")}>
				<ChoiceRow
					k="ip.state"
					label={t("ips.behaviour")}
					note={t("ips.about")}
					choices={[
						{ value: "prevent", text: t("ips.prevent") },
						{ value: "detect", text: t("ips.detect") },
						{ value: "off", text: t("common.off") },
					]}
				/>
			</Card>
			<SettingCards groups={prevention} page="intrusion-prevention" />
		</>
	);
}

const tabs: Record<NetworkModule, Tab[]> = {
	fw: [
		{ name: "general", show: () => <FirewallGeneral /> },
		{ name: "rules", show: () => <Rules module="fw" /> },
		{ name: "stateful", show: () => <Stateful /> },
		{ name: "reconnaissance", show: () => <SettingCards groups={reconnaissance} page="firewall" /> },
		{ name: "advanced", show: () => <SettingCards groups={advanced} page="firewall" /> },
		{ name: "simulator", show: () => <Simulator /> },
		{ name: "events", computer: true, show: (c) => <ComputerEvents name="firewall" computer={c} /> },
	],
	ip: [
		{ name: "general", show: () => <PreventionGeneral /> },
		{ name: "rules", show: () => <Rules module="ip" /> },
		{ name: "types", show: () => <Types /> },
		{
			name: "capture",
			show: (id, of) => (
				<Capture key={id} rules={of === "policy" ? { policyID: Number(id) } : { computerID: Number(id) }} />
			),
		},
		{
			name: "events",
			computer: true,
			events: "intrusionprevention",
			show: (c) => <ComputerEvents name="intrusionprevention" computer={c} />,
		},
	],
};

/** Firewall or Intrusion Prevention, the same in the policy and in the computer editor; a computer has more. */
export function NetworkSection(props: {
	module: NetworkModule;
	of: "policy" | "computer";
	id: number;
	tab: string;
	children?: ReactNode;
}) {
	const { t } = useTranslation();
	const { page } = modules[props.module];
	const classes = useEventClasses().data?.map((c) => c.name) ?? [];
	const shown = tabs[props.module].filter(
		(x) => (props.of === "computer" || !x.computer) && (!x.events || classes.includes(x.events)),
	);
	const tab = shown.find((x) => x.name === props.tab) ?? shown[0];
	const to = (name: string) =>
		href(props.of === "computer" ? "computerTab" : "policyTab", { id: props.id, module: page, tab: name });
	return (
		<>
			<Tabs
				small
				label={t(props.module === "fw" ? "modules.firewall" : "modules.intrusionprevention")}
				tabs={shown.map((x) => ({ to: to(x.name), text: t(`network.tab.${x.name}` as Key), current: x === tab }))}
			/>
			{tab.name === "general" && props.children}
			{tab.show(String(props.id), props.of)}
			<SaveBar />
		</>
	);
}
