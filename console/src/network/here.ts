import { useQuery } from "@tanstack/react-query";
import { call } from "../api/client";
import { type Level, modules } from "../inherit/chain";
import { type Item, kindOf } from "../objects/kinds";
import type { KindName } from "../objects/names";

/** The modules that judge packets, by their key in the editor. */
export type NetworkModule = "fw" | "ip";
export const rulesOf: Record<NetworkModule, KindName> = { fw: "firewallrules", ip: "intrusionpreventionrules" };

interface Assignments {
	recommendedToAssignRuleIDs?: number[];
	recommendedToUnassignRuleIDs?: number[];
}
interface Hits {
	firewallRuleHits: { ruleID: number; hits: number }[];
}

/** What the manager says of rules on a policy or computer beside what the levels say. */
export interface Here {
	toAssign: Set<number>;
	toUnassign: Set<number>;
	/** Those that have other properties here. */
	changed: Set<number>;
	/** The assigned ones as they are here. */
	inForce: Map<number, Item>;
	/** Packets that a rule met, as the agent told last; undefined: nobody counts. */
	hits?: Map<number, number>;
}

export function useHere(level: Level, module: NetworkModule): Here {
	const base = `/${level.kind}/${level.id}/${modules[module].path}`;
	const { list } = kindOf(rulesOf[module]);
	const ask = <T>(what: string, path: string, enabled = true) => ({
		enabled,
		queryKey: [level.kind, level.id, what, module],
		queryFn: () => call<T>("GET", base + path),
	});
	const assignments = useQuery(ask<Assignments>("assignments", "/assignments")).data;
	const changed = useQuery(ask<Record<string, Item[]>>("changed", "/rules?overrides=true")).data?.[list] ?? [];
	const inForce = useQuery(ask<Record<string, Item[]>>("inForce", "/rules")).data?.[list] ?? [];
	const counted = module === "fw" && level.kind === "computers";
	const hits = useQuery(ask<Hits>("hits", "/hits", counted)).data;
	return {
		toAssign: new Set(assignments?.recommendedToAssignRuleIDs),
		toUnassign: new Set(assignments?.recommendedToUnassignRuleIDs),
		changed: new Set(changed.map((r) => r.ID)),
		inForce: new Map(inForce.map((r) => [r.ID, r])),
		hits: hits && new Map(hits.firewallRuleHits.map((h) => [h.ruleID, h.hits])),
	};
}
