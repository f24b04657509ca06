import type { ListSetting, ModulePart, Settings } from "../api/types";

/** What one object on the way from a computer or policy to the Base Policy sets itself. */
export interface Level {
	kind: "computers" | "policies";
	id: number;
	name: string;
	modules: Partial<Record<ModuleKey, ModulePart>>;
	settings: Settings;
}

/** Modules in the editor: how their keys begin, what they are called in the API's objects and addresses. */
export const modules = {
	am: { member: "antiMalware", path: "antimalware", page: "anti-malware" },
	fw: { member: "firewall", path: "firewall", page: "firewall" },
	ip: { member: "intrusionPrevention", path: "intrusionprevention", page: "intrusion-prevention" },
	li: { member: "logInspection", path: "loginspection", page: "log-inspection" },
} as const;
export type ModuleKey = keyof typeof modules;
export const moduleKeys = Object.keys(modules) as ModuleKey[];

/** A key of the editor: "am.state", "fw.ruleIDs", "set.antiMalwareSettingScanDeadline". */
export type ValueKey = `${ModuleKey}.${string}` | `set.${string}`;

/** "fw.ruleIDs": the module and its member; null: a setting. */
export function memberOf(key: ValueKey): { module: ModuleKey; name: string } | null {
	const at = key.indexOf(".");
	const module = key.slice(0, at);
	return module === "set" ? null : { module: module as ModuleKey, name: key.slice(at + 1) };
}

export interface Origin<T> {
	/** What the object itself sets; undefined: it inherits. */
	here: T | undefined;
	/** What it would have without that. */
	inherited: T | undefined;
	/** Whose value that is; null: nobody's, the default. */
	from: Level | null;
	/** From the root down to the object itself, with what each sets. */
	chain: { id: string; name: string; value: T | undefined }[];
}

const idKeys = ["directoryLists", "fileLists", "fileExtensionLists"] as const;

/** A list setting that adds nothing and inherits everything is no override. */
export function isPlainList(v: ListSetting): boolean {
	return v.inherited !== false && !v.lists?.length && idKeys.every((k) => !v[k]?.length);
}

export function ownValue(level: Level, key: ValueKey): unknown {
	const member = memberOf(key);
	if (!member) return level.settings[key.slice(4)]?.value;
	const v = level.modules[member.module]?.[member.name];
	return key.endsWith("Setting") && v && isPlainList(v as ListSetting) ? undefined : v;
}

/** levels: the object first, the Base Policy last; otherwise: the value that nobody set. */
export function originOf<T>(levels: readonly Level[], key: ValueKey, otherwise: T | undefined): Origin<T> {
	const own = levels.map((l) => ownValue(l, key) as T | undefined);
	const at = own.findIndex((v, i) => i > 0 && v !== undefined);
	return {
		here: own[0],
		inherited: at < 0 ? otherwise : own[at],
		from: at < 0 ? null : levels[at],
		chain: levels.map((l, i) => ({ id: `${l.kind}-${l.id}`, name: l.name, value: own[i] })).reverse(),
	};
}

export interface ListEntry {
	text: string;
	/** An ID when it names a shared list. */
	list?: number;
	level: Level;
	/** Not in force: a level between does not inherit it. */
	cut: boolean;
}

/** All entries of a list setting, the object's own ones first: lists add up until a level cuts the rest off. */
export function listEntries(levels: readonly Level[], key: ValueKey, ids: (typeof idKeys)[number]): ListEntry[] {
	const entries: ListEntry[] = [];
	let cut = false;
	for (const level of levels) {
		const v = (ownValue(level, key) ?? {}) as ListSetting;
		for (const text of v.lists ?? []) entries.push({ text, level, cut });
		for (const list of v[ids] ?? []) entries.push({ text: `#${list}`, list, level, cut });
		cut ||= v.inherited === false;
	}
	return entries;
}

/** Rules that add up along the levels: each with the nearest level that assigns it, the object's own ones first. */
export function assignedBy(levels: readonly Level[], module: ModuleKey): Map<number, Level> {
	const by = new Map<number, Level>();
	for (const level of levels)
		for (const id of (level.modules[module]?.ruleIDs as number[] | undefined) ?? []) if (!by.has(id)) by.set(id, level);
	return by;
}

export interface Node {
	ID: number;
	parentID?: number | null;
}

/** The policy and what it inherits from, up to the root; a loop ends it. */
export function ancestors<T extends Node>(all: readonly T[], id: number | null | undefined): T[] {
	const chain: T[] = [];
	let at = all.find((p) => p.ID === id);
	while (at && !chain.includes(at)) {
		chain.push(at);
		const up = at.parentID;
		at = all.find((p) => p.ID === up);
	}
	return chain;
}

/** Depth first, parents before their children. */
export function asTree<T extends Node>(all: readonly T[]): { node: T; depth: number }[] {
	const out: { node: T; depth: number }[] = [];
	const known = new Set(all.map((n) => n.ID));
	function add(parent: number | null, depth: number) {
		for (const node of all) {
			const up = node.parentID && known.has(node.parentID) ? node.parentID : null;
			if (up !== parent || out.some((o) => o.node === node)) continue;
			out.push({ node, depth });
			add(node.ID, depth + 1);
		}
	}
	add(null, 0);
	return out;
}

/** The policy itself and everything that inherits from it. */
export function withDescendants<T extends Node>(all: readonly T[], id: number): Set<number> {
	return new Set(all.filter((p) => ancestors(all, p.ID).some((a) => a.ID === id)).map((p) => p.ID));
}
