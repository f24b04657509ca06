import type { ReactNode } from "react";
import { Cves } from "../events/Cves";
import { useTranslation } from "../i18n";
import { Card, Facts } from "../ui/parts";
import { Code } from "./Code";
import type { Item } from "./kinds";
import type { KindName } from "./names";
import { useNames } from "./queries";

/** A rule that came with an update: what it is about and what it looks for. */
export function Shipped(props: { kind: KindName; object: Item }) {
	const { t, word, time } = useTranslation();
	const { named } = useNames(["applicationtypes", "intrusionpreventionrules"]);
	const o = props.object;
	const integrity = props.kind === "integritymonitoringrules";
	const items: [string, ReactNode][] = [
		[t("ipsRule.identifier"), String(o.identifier ?? "")],
		[t("common.description"), o.description],
		[t("events.severity"), word("ruleSeverity", String(o.severity))],
	];
	const prevention: [string, ReactNode][] = [
		[t("ipsRule.cvss"), String(o.CVSSScore ?? "")],
		[t("ipsRule.cve"), Array.isArray(o.CVE) && o.CVE.length ? <Cves key="cve" of={o.CVE} /> : ""],
		[t("kind.applicationtypes.one"), named("applicationtypes", o.applicationTypeID)],
		[t("ipsRule.type"), word("ruleType", String(o.type ?? ""))],
		[t("ipsRule.mode"), t(o.detectOnly === true ? "ipsRule.modeDetect" : "ipsRule.modePolicy")],
		[t("ipsRule.issued"), o.originalIssue ? time(Number(o.originalIssue)) : ""],
		[t("ipsRule.updated"), o.lastUpdated ? time(Number(o.lastUpdated)) : ""],
		[
			t("ipsRule.needs"),
			((o.dependsOnRuleIDs as number[] | undefined) ?? [])
				.map((id) => named("intrusionpreventionrules", id))
				.join(t("common.comma")),
		],
	];
	return (
		<>
			<p className="yg-note">{t(integrity ? "imRule.shipped" : "ipsRule.shipped")}</p>
			<Card title={t("policies.properties")}>
				<Facts items={integrity ? items : [...items, ...prevention]} />
			</Card>
			{typeof o.customXML === "string" && o.customXML !== "" && (
				<Card title={t("ipsRule.text")}>
					<Code id="rule-text" label={t("ipsRule.text")} value={o.customXML} readOnly />
				</Card>
			)}
		</>
	);
}
