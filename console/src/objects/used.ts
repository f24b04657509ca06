import type { ModulePart, Settings } from "../api/types";
import type { Item, Kind } from "./kinds";
import type { KindName } from "./names";
import type { Owner } from "./queries";

/** Somebody who would miss an object. */
export interface User {
	kind: "policies" | "computers" | KindName;
	id: number;
	name: string;
}

const names = (value: unknown, id: number) => (Array.isArray(value) ? value.includes(id) : value === id);

function inModule(part: ModulePart | undefined, member: string, id: number): boolean {
	if (!part) return false;
	if (names(part[member], id)) return true;
	const assigned = part.statefulConfigurationAssignments as
		| { statefulConfigurationAssignments?: { statefulConfigurationID?: number }[] }
		| undefined;
	return (
		member === "globalStatefulConfigurationID" &&
		(assigned?.statefulConfigurationAssignments ?? []).some((a) => a.statefulConfigurationID === id)
	);
}

const inSettings = (s: Settings | undefined, wanted: readonly string[], id: number) =>
	wanted.some((n) => s?.[n]?.value === String(id));

function ownerUses(o: Owner, kind: Kind, id: number): boolean {
	const settings = o.policySettings ?? o.computerSettings;
	return (
		(kind.assigned !== undefined && inModule(o[kind.assigned.member], kind.assigned.in, id)) ||
		(kind.settings !== undefined && inSettings(settings, kind.settings, id))
	);
}

/** Who names an object: policies and computers by their own values, then objects of other kinds. */
export function usersOf(
	kind: Kind,
	id: number,
	owners: { policies: readonly Owner[]; computers: readonly Owner[] },
	lists: ReadonlyMap<KindName, readonly Item[]>,
): User[] {
	const found: User[] = [];
	for (const of of ["policies", "computers"] as const)
		for (const o of owners[of])
			if (o.ID !== undefined && ownerUses(o, kind, id))
				found.push({ kind: of, id: o.ID, name: o.displayName || o.hostName || o.name || `#${o.ID}` });
	for (const use of kind.uses)
		for (const o of lists.get(use.kind) ?? [])
			if (use.members.some((m) => names(o[m], id))) found.push({ kind: use.kind, id: o.ID, name: o.name });
	return found;
}
