import type { ListSetting } from "../api/types";
import type { Level, ValueKey } from "./chain";

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
	const antiMalware = { ...level.antiMalware };
	const settings = { ...level.settings };
	for (const [key, value] of draft) {
		const name = key.slice(key.indexOf(".") + 1);
		if (key.startsWith("am.")) {
			if (value === null) delete antiMalware[name];
			else antiMalware[name] = value;
		} else if (value === null) delete settings[name];
		else settings[name] = { value: String(value) };
	}
	return { ...level, antiMalware, settings };
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
}

export function savingOf(kind: Level["kind"], draft: Draft): Saving {
	const antiMalware: Record<string, unknown> = {};
	const settings: Record<string, { value: string }> = {};
	const gone: string[] = [];
	for (const [key, value] of draft) {
		const name = key.slice(key.indexOf(".") + 1);
		if (key.startsWith("am.")) antiMalware[name] = value === null ? reset(name) : value;
		else if (value === null) gone.push(name);
		else settings[name] = { value: String(value) };
	}
	const body = {
		...(Object.keys(antiMalware).length ? { antiMalware } : {}),
		...(Object.keys(settings).length
			? { [kind === "computers" ? "computerSettings" : "policySettings"]: settings }
			: {}),
	};
	return { body: Object.keys(body).length ? body : null, reset: gone };
}
