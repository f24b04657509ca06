import type { Key } from "../i18n";
import { modules } from "../inherit/chain";

/** The modules that judge packets, as the pages of policies and computers list them. */
export const networkModules = [
	{ key: "fw", ...modules.fw, title: "modules.firewall" },
	{ key: "ip", ...modules.ip, title: "modules.intrusionprevention" },
] as const satisfies { key: string; member: string; page: string; title: Key }[];

/** Log Inspection stands beside them: it has a section of its own. */
export const logModule = { key: "li", ...modules.li, title: "modules.loginspection" } as const satisfies {
	key: string;
	member: string;
	page: string;
	title: Key;
};
export const shownModules = [...networkModules, logModule];

/** "On, Prevent, 3 rules" in the reader's language: state and number of rules each have a word. */
export function moduleText(word: (prefix: string, word: string) => string, message: string): string {
	const found = message.match(/^(.*), (no|\d+) rules?$/);
	if (!found) return word("module", message);
	const rules = word("moduleRules", found[2] === "no" ? "0" : found[2] === "1" ? "1" : "n").replace("#", found[2]);
	return `${word("module", found[1])}${word("moduleRules", "comma")}${rules}`;
}
