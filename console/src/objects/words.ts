import { useMemo } from "react";
import type { Column } from "../grid/columns";
import { type Key, useTranslation } from "../i18n";
import { choiceText, type Draft, type Field } from "./fields";
import { type Item, type Kind, refsOf } from "./kinds";
import { type Named, useNames } from "./queries";

type Translation = ReturnType<typeof useTranslation>;

const list = (t: Translation, v: unknown) => (Array.isArray(v) ? v.map(String) : []).join(t.t("common.comma"));

/** One side of a firewall rule in short: addresses, ports, MAC addresses; what does not matter is left out. */
export function endpointText(t: Translation, named: Named, o: Draft, side: "source" | "destination"): string {
	const part = (what: string) => {
		const type = String(o[`${side}${what}Type`] ?? "any");
		const get = (end: string) => o[`${side}${what}${end}`];
		const texts: Record<string, string> = {
			any: "",
			single: String(get("Value") ?? ""),
			"masked-ip": `${get("Value") ?? ""}/${get("Mask") ?? ""}`,
			range: `${get("RangeFrom") ?? ""}-${get("RangeTo") ?? ""}`,
			multiple: list(t, get("Multiple")),
			"ip-list": named("iplists", get("ListID")),
			"mac-list": named("maclists", get("ListID")),
			"port-list": named("portlists", get("ListID")),
		};
		const text = texts[type] ?? "";
		return text && get("Not") === true ? t.t("rule.notText", { what: text }) : text;
	};
	const port = part("Port");
	const parts = [part("IP"), part("MAC"), port && t.t("rule.portText", { ports: port })].filter(Boolean);
	return parts.length ? parts.join(" ") : t.word("ipType", "any");
}

const contexts: [string, Key][] = [
	["localConnectionsEnabled", "context.local"],
	["remoteConnectionsEnabled", "context.remote"],
	["noConnectionEnabled", "context.none"],
	["noInternetEnabled", "context.noInternet"],
	["restrictedInterfacesEnabled", "context.restricted"],
];

function fieldText(t: Translation, named: Named, f: Field, v: unknown): string {
	const { input } = f;
	if (input.type === "choice") return choiceText(t.word, input.words, String(v ?? ""));
	if (input.type === "switch") return t.t(v === true ? "common.yes" : "common.no");
	if (input.type === "ref") return named(input.kind, v);
	if (input.type === "hours")
		return t.t("object.hoursCount", { count: Array.isArray(v) ? v.filter(Boolean).length : 168 });
	if (input.type === "number") return v === undefined || v === input.none ? "" : t.number(Number(v));
	if (input.type === "date") return v ? t.time(Number(v)) : "";
	if (input.type === "secret" || input.type === "own") return "";
	if (input.type === "refs") return t.number(Array.isArray(v) ? v.length : 0);
	return Array.isArray(v) ? list(t, v) : String(v ?? "");
}

/** What stands in a column of a list: a field's value in words, or something made of several. */
function special(t: Translation, named: Named, name: string, o: Item): string | null {
	if (name === "source" || name === "destination") return endpointText(t, named, o, name);
	if (name === "protocol") {
		const p = choiceText(t.word, "protocol", o.protocol === "other" ? String(o.protocolNumber) : String(o.protocol));
		return o.protocolNot === true ? t.t("rule.notText", { what: p }) : p;
	}
	if (name === "ports")
		return o.portType === "port-list"
			? named("portlists", o.portListID)
			: o.portType === "multiple"
				? list(t, o.portMultiple)
				: t.word("portType", "any");
	if (name === "context")
		return contexts
			.filter(([m]) => o[m] === true)
			.map(([, key]) => t.t(key))
			.join(t.t("common.comma"));
	if (name === "mode") return t.t(o.detectOnly === true ? "ipsRule.modeDetect" : "ipsRule.modePolicy");
	if (name === "type" && !o.scheduleDetails && !o.conditions) return t.word("ruleType", String(o.type ?? ""));
	if (name === "lastRun") return lastRunText(t, o);
	if (/^(created|last\w+|nextRunTime)$/.test(name) && name !== "lastUpdated")
		return o[name] ? t.time(Number(o[name])) : "–";
	if (name === "lastUpdated") return o.lastUpdated ? t.time(Number(o.lastUpdated)) : "";
	return null;
}

function lastRunText(t: Translation, o: Item): string {
	const run = o.lastRun as { state?: string } | undefined;
	return run?.state ? t.word("runState", run.state) : "–";
}

const severityOrder = ["low", "medium", "high", "critical"];

/** A list's columns but the name, which the page makes a link of. */
export function useObjectColumns(kind: Kind): Column<Item>[] {
	const t = useTranslation();
	const { named, lists } = useNames(refsOf(kind));
	// The names come later than the rows: what is known of them is part of what the columns depend on.
	const known = [...lists.values()].map((l) => l.length).join();
	// biome-ignore lint/correctness/useExhaustiveDependencies: `known` stands for `named`
	return useMemo(() => {
		const fields = kind.groups.flatMap((g) => g.fields);
		return kind.columns.map((c): Column<Item> => {
			const field = fields.find((f) => f.name === c.name);
			const text = (o: Item) =>
				special(t, named, c.name, o) ?? (field ? fieldText(t, named, field, o[c.name]) : String(o[c.name] ?? ""));
			const order = (o: Item) => (c.name === "severity" ? severityOrder.indexOf(String(o.severity)) : text(o));
			return { key: c.name, label: t.t(c.label), width: c.width, extra: c.extra, sort: order, text, cell: text };
		});
	}, [kind, t, known]);
}
