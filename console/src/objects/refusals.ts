import { type Key, type Language, translate } from "../i18n";

/*
 * What the manager says of an object that it refuses (resources_check.c, field.c and the modules' own checks), as
 * sentences of the catalogue: a pattern, its key, the names of its parts. Names of fields become their labels.
 */
export const patterns: { pattern: RegExp; key: Key; names: string[] }[] = [
	{
		pattern:
			/^Invalid (?:firewall rule|stateful configuration|intrusion prevention rule|application type|items|ports): (.+)\.$/,
		key: "refused.because",
		names: ["reason"],
	},
	{ pattern: /^(\w+) is required(?: with .+)?\.$/, key: "refused.required", names: ["field"] },
	{
		pattern: /^(\w+), line (\d+), column (\d+): (.+)$/,
		key: "refused.place",
		names: ["field", "line", "column", "text"],
	},
	{ pattern: /^(\w+) holds no rule$/, key: "refused.required", names: ["field"] },
	{ pattern: /^(\w+) is longer than (\d+) bytes$/, key: "refused.long", names: ["field"] },
	{ pattern: /^(patterns) has \d+ items: .*$/, key: "refused.value", names: ["field"] },
	{ pattern: /^(\w+) is missing$/, key: "refused.required", names: ["field"] },
	{ pattern: /^(\w+) (\d+) does not exist\.$/, key: "refused.unknown", names: ["field", "value"] },
	{ pattern: /^(\w+) (\d+) is not known$/, key: "refused.unknown", names: ["field", "value"] },
	{ pattern: /^Invalid value for (\w+): (.*)\.$/, key: "refused.entry", names: ["field", "value"] },
	{ pattern: /^Invalid value for (\w+)\..*$/, key: "refused.value", names: ["field"] },
	{ pattern: /^(\w+) has at most (\d+) entries\.$/, key: "refused.many", names: ["field", "count"] },
	{ pattern: /^(\w+) is none of its choices$/, key: "refused.value", names: ["field"] },
	{ pattern: /^(\w+) is no number from 0 to (\d+)$/, key: "refused.number", names: ["field", "max"] },
	{ pattern: /^(\w+) is neither true nor false$/, key: "refused.value", names: ["field"] },
	{ pattern: /^(\w+) is too long$/, key: "refused.long", names: ["field"] },
	{ pattern: /^(\w+) cannot be true for any(?: flags)?$/, key: "refused.notAny", names: ["field"] },
	{ pattern: /^tcpflags are given although anyFlags is true$/, key: "refused.anyFlags", names: [] },
	{ pattern: /^tcpflags: only the protocol tcp has flags$/, key: "refused.flagsOfTcp", names: [] },
	{ pattern: /^ICMPType: only the protocols icmp and icmpv6 have it$/, key: "refused.icmpOnly", names: [] },
	{ pattern: /^ICMP(?:Code|Not) needs ICMPType$/, key: "refused.icmpType", names: [] },
	{ pattern: /^priority of a rule that allows must be 0$/, key: "refused.priorityAllow", names: [] },
	{ pattern: /^priority of a rule that only logs must be 4$/, key: "refused.priorityLog", names: [] },
	{
		pattern: /^(\w+): this frameType (?:has none|has no IP addresses|does not have it)$/,
		key: "refused.frame",
		names: ["field"],
	},
	{ pattern: /^(\w+): no address is of this frameType$/, key: "refused.version", names: ["field"] },
	{ pattern: /^(\w+): this protocol has no ports$/, key: "refused.noPorts", names: ["field"] },
	{ pattern: /^(?:(\w+): )?"(.*)" ends before it starts$/, key: "refused.backwards", names: ["", "value"] },
	{ pattern: /^(\w+) is before (\w+)$/, key: "refused.backwardsFields", names: ["field", "other"] },
	{
		pattern: /^(?:(\w+): )?"(.*)" is no (address.*|port.*|MAC.*|mask.*|.*address.*)$/,
		key: "refused.noSuch",
		names: ["", "value"],
	},
	{ pattern: /^destinationIP: it is of another IP version than sourceIP$/, key: "refused.otherVersion", names: [] },
	{ pattern: /^(\w+): a number from 0 to (\d+) is expected$/, key: "refused.number", names: ["field", "max"] },
	{
		pattern: /^(\w+): .*(?:is not known|is no flag|is expected|or a number to 255)$/,
		key: "refused.kind",
		names: ["field"],
	},
	{ pattern: /^there is no port in it$/, key: "refused.noPort", names: [] },
	{ pattern: /^A .+ with this name already exists: .*$/, key: "error.name-exists", names: [] },
	{ pattern: /^The .+ is in use and cannot be deleted\.$/, key: "refused.used", names: [] },
];

/** The refusal in the reader's language; as it came when nobody has put it into words yet. */
export function refusalText(language: Language, label: (field: string) => string, message: string): string {
	for (const p of patterns) {
		const found = message.match(p.pattern);
		if (!found) continue;
		const params = p.names.flatMap((n, i) => {
			const text = found[i + 1] ?? "";
			if (!n) return [];
			if (n === "reason") return [[n, refusalText(language, label, text)]];
			return [[n, n === "field" || n === "other" ? label(text) : text]];
		});
		return translate(language, p.key, Object.fromEntries(params));
	}
	return message;
}
