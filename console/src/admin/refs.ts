import { useQuery } from "@tanstack/react-query";
import { call } from "../api/client";
import { useComputers, usePolicies } from "../api/queries";
import type { KindName } from "../objects/names";
import { useObjects } from "../objects/queries";

/** What can be named by its number. */
export type RefKind = KindName | "computers" | "policies" | "computergroups" | "smartfolders";

export interface Ref {
	ID: number;
	name: string;
}

const plain = { computergroups: "computerGroups", smartfolders: "smartFolders" } as const;

/** Everything of a kind with its name; undefined until it is known. */
export function useRefs(kind: RefKind): Ref[] | undefined {
	const computers = useComputers().data;
	const policies = usePolicies().data;
	const own = kind === "computergroups" || kind === "smartfolders" ? kind : null;
	const others = useQuery({
		enabled: own !== null,
		queryKey: ["refs", own],
		queryFn: async () => (await call<Record<string, Ref[]>>("GET", `/${own}`))[plain[own ?? "computergroups"]],
	}).data;
	const object = kind !== "computers" && kind !== "policies" && own === null ? (kind as KindName) : null;
	const objects = useObjects(object ?? "roles", 0, object !== null).data;
	if (kind === "computers") return computers?.map((c) => ({ ID: c.ID, name: c.displayName || c.hostName }));
	if (kind === "policies") return policies;
	return own ? others : objects;
}
