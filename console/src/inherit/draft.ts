import type { ListSetting } from "../api/types";
import { type Level, type ModuleKey, memberOf, modules, type ValueKey } from "./chain";

/** Changes that are not saved yet; null: inherit it again. */
export type Draft = ReadonlyMap<ValueKey, unknown>;

/** A value is equal when it would be stored equally. */
const same = (a: unknown, b: unknown) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);

export function withChange(draft: Draft, key: ValueKey, value: unknown, stored: unknown): Draft {
	const next = new Map(draft);
	if (same(value, stored)) next.delete(key);
	else next.set(key, value);
	return next;
}

/** The object's own level as it will be once the draft is saved. */
export function applied(level: Level, draft: Draft): Level {
	const parts = { ...level.modules };
	const settings = { ...level.settings };
	for (const [key, value] of draft) {
		const member = memberOf(key);
		const name = key.slice(key.indexOf(".") + 1);
		if (member) {
			const { [name]: _old, ...rest } = parts[member.module] ?? {};
			parts[member.module] = value === null ? rest : { ...rest, [name]: value };
		} else if (value === null) delete settings[name];
		else settings[name] = { value: String(value) };
	}
	return { ...level, modules: parts, settings };
}

const plainList: ListSetting = {
	lists: [],
	inherited: true,
	directoryLists: [],
	fileLists: [],
	fileExtensionLists: [],
};

function reset(name: string): unknown {
	if (name === "state") return "inherited";
	if (name === "statefulConfigurationAssignments") return { statefulConfigurationAssignments: [] };
	if (!name.endsWith("Setting")) return 0;
	const ids = name.includes("Extension")
		? "fileExtensionLists"
		: name.includes("Directory")
			? "directoryLists"
			: "fileLists";
	return { lists: plainList.lists, inherited: true, [ids]: [] };
}

export interface Saving {
	/** What to POST to the object; null: nothing. */
	body: Record<string, unknown> | null;
	/** Settings to DELETE. */
	reset: string[];
	/** Rules to PUT as the module's own ones. */
	assign: { path: string; ruleIDs: number[] }[];
}

export function savingOf(kind: Level["kind"], draft: Draft): Saving {
	const parts: Partial<Record<ModuleKey, Record<string, unknown>>> = {};
	const assign: Saving["assign"] = [];
	const settings: Record<string, { value: string }> = {};
	const gone: string[] = [];
	for (const [key, value] of draft) {
		const member = memberOf(key);
		const name = key.slice(key.indexOf(".") + 1);
		if (member && name === "ruleIDs")
			assign.push({ path: modules[member.module].path, ruleIDs: (value ?? []) as number[] });
		else if (member) parts[member.module] = { ...parts[member.module], [name]: value === null ? reset(name) : value };
		else if (value === null) gone.push(name);
		else settings[name] = { value: String(value) };
	}
	const body = {
		...Object.fromEntries(Object.entries(parts).map(([m, part]) => [modules[m as ModuleKey].member, part])),
		...(Object.keys(settings).length
			? { [kind === "computers" ? "computerSettings" : "policySettings"]: settings }
			: {}),
	};
	return { body: Object.keys(body).length ? body : null, reset: gone, assign };
}
