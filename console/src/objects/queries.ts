import { useQueries, useQuery } from "@tanstack/react-query";
import { call } from "../api/client";
import type { ModulePart, Settings } from "../api/types";
import { type Item, kindOf } from "./kinds";
import type { KindName } from "./names";

/** Where a collection is; `policy`: whose interface types. */
export const pathOf = (name: KindName, policy: number) =>
	kindOf(name).ofPolicy ? `/policies/${policy}/${kindOf(name).path}` : `/${kindOf(name).path}`;

const listQuery = (name: KindName, policy = 0) => ({
	queryKey: ["objects", name, policy],
	queryFn: async () => {
		const { list, nameMember } = kindOf(name);
		const all = (await call<Record<string, Item[]>>("GET", pathOf(name, policy)))[list];
		return nameMember ? all.map((o) => ({ ...o, name: String(o[nameMember] ?? "") })) : all;
	},
	enabled: !kindOf(name).ofPolicy || policy > 0,
});

export function useObjects(name: KindName, policy = 0, wanted = true) {
	const query = listQuery(name, policy);
	return useQuery({ ...query, enabled: wanted && query.enabled });
}

export type Named = (kind: KindName, id: unknown) => string;

/** What objects of these kinds are called, as far as it is known yet. */
export function useNames(names: readonly KindName[]): { named: Named; lists: Map<KindName, Item[]> } {
	const answers = useQueries({ queries: names.map((n) => listQuery(n)) });
	const lists = new Map(names.map((n, i) => [n, answers[i].data ?? []]));
	return {
		named: (kind, id) => lists.get(kind)?.find((o) => o.ID === id)?.name ?? (id ? `#${id}` : ""),
		lists,
	};
}

/** A policy or computer with what it sets itself; those that set nothing have no ID. */
export interface Owner {
	ID?: number;
	name?: string;
	hostName?: string;
	displayName?: string;
	policySettings?: Settings;
	computerSettings?: Settings;
	firewall?: ModulePart;
	intrusionPrevention?: ModulePart;
	integrityMonitoring?: ModulePart;
}

/** Who sets what, for "used by": only what differs comes, so thousands of computers cost little. */
export function useOwners() {
	return useQueries({
		queries: [
			{
				queryKey: ["policies", "owners"],
				queryFn: async () => (await call<{ policies: Owner[] }>("GET", "/policies?overrides=true")).policies,
			},
			{
				queryKey: ["computers", "owners"],
				queryFn: async () => {
					const path =
						"/computers?overrides=true&expand=firewall,intrusionPrevention,integrityMonitoring,computerSettings";
					return (await call<{ computers: Owner[] }>("GET", path)).computers;
				},
			},
		],
		combine: ([policies, computers]) => ({
			policies: policies.data,
			computers: computers.data,
			error: policies.error ?? computers.error,
		}),
	});
}
