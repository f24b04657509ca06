import { call } from "../api/client";
import type { SecurityEvent } from "../api/types";

export const classes = {
	antimalware: { list: "antiMalwareEvents", title: "nav.antimalware", empty: "events.emptyAntimalware" },
	firewall: { list: "firewallEvents", title: "nav.firewall", empty: "events.emptyFirewall" },
	intrusionprevention: {
		list: "intrusionPreventionEvents",
		title: "nav.intrusionprevention",
		empty: "events.emptyIntrusionprevention",
	},
	integritymonitoring: {
		list: "integrityMonitoringEvents",
		title: "nav.integritymonitoring",
		empty: "events.emptyIntegritymonitoring",
	},
	loginspection: { list: "logInspectionEvents", title: "nav.loginspection", empty: "events.emptyLoginspection" },
	system: { list: "systemEvents", title: "nav.system", empty: "events.emptySystem" },
} as const;

export type ClassName = keyof typeof classes;
export const isClass = (name: string): name is ClassName => name in classes;

export interface Page {
	events: SecurityEvent[];
	next?: string;
}

export interface Wanted {
	name: ClassName;
	q: string;
	computer: string;
	oldestFirst: boolean;
}

const PAGE = 200;

/** One page by keyset: the manager's cursor goes back unchanged. */
export async function loadEvents(w: Wanted, cursor?: string): Promise<Page> {
	const query = new URLSearchParams({ maxItems: String(PAGE) });
	if (w.q) query.set("q", w.q);
	if (w.computer) query.set("computerID", w.computer);
	if (w.oldestFirst) query.set("after", cursor ?? "0");
	else if (cursor) query.set("before", cursor);
	const answer = await call<Record<string, SecurityEvent[]> & { next?: string }>("GET", `/events/${w.name}?${query}`);
	return { events: answer[classes[w.name].list] ?? [], next: answer.next };
}
