import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import adminEn from "../i18n/admin.en.json";
import adminJa from "../i18n/admin.ja.json";
import en from "../i18n/en.json";
import ja from "../i18n/ja.json";
import networkEn from "../i18n/network.en.json";
import networkJa from "../i18n/network.ja.json";
import { alertStates, periods } from "../src/admin/queries";
import { rightGroups, verbOf } from "../src/admin/rights";
import { settingTabs, systemSettings } from "../src/admin/settings";
import { actionTypes, conditionFields, filterTypes, runStates, scanTimeouts } from "../src/admin/tasks";
import { reasonText, sentenceOf, valueText } from "../src/events/words";
import { advanced, general, isolation, prevention, reconnaissance } from "../src/network/settings";
import { kindOf } from "../src/objects/kinds";
import { adminKindNames, kindNames } from "../src/objects/names";
import { refusalText } from "../src/objects/refusals";
import "../src/network/words";
import "../src/admin/words";

/** Words come from the manager's and the agent's sources: each has to be known here in both languages. */
const src = new URL("../../src/", import.meta.url).pathname;
const read = (path: string) => readFileSync(join(src, path), "utf8");
const sources = (dir: string): string[] =>
	readdirSync(join(src, dir), { withFileTypes: true }).flatMap((e) => {
		const path = join(dir, e.name);
		if (e.isDirectory()) return sources(path);
		return e.name.endsWith(".c") && !/_(test|fuzz)\.c$/.test(e.name) ? [path] : [];
	});
const found = (text: string, pattern: RegExp, group = 1) => [...text.matchAll(pattern)].map((m) => m[group]);
const all = [...new Set([...sources("manager"), ...sources("agent"), ...sources("module"), ...sources("model")])];

const both = [
	{ ...en, ...networkEn, ...adminEn },
	{ ...ja, ...networkJa, ...adminJa },
];

function expectWords(part: string, words: string[]) {
	expect(words.length, `${part} words in the sources`).toBeGreaterThan(0);
	const missing = [...new Set(words)].filter((w) => w && !both.every((b) => `${part}.${w}` in b));
	expect(missing, `words of ${part} without a translation`).toEqual([]);
}

test("every action and its outcome has a word", () => {
	const table = read("module/antimalware/action.c").match(/actions\[ACTION_COUNT\] = \{([\s\S]*?)\n\};/)?.[1] ?? "";
	expectWords("action", found(table, /"([^"]*)"/g));
});

test("every collection and target of an event has a word", () => {
	const text = all.map(read).join("\n");
	const tables = sources("manager").map(read).join("\n");
	expectWords("type", found(tables, /^\t\{ "[a-z/]+", "[a-zA-Z]+", "([^"]+)"/gm));
	expectWords("type", found(text, /"TargetType", "([^"]+)"/g));
	expectWords("type", found(text, /audit\(\w+, "[a-z-]+", "([^"]+)"/g));
});

test("every kind of job has a word", () => {
	const text = read("manager/api/jobs.c");
	const kinds = [...found(text, /simple\(c, "([^"]+)"/g), ...found(text, /return file_deed\(c, "([^"]+)"/g)];
	expectWords("jobKind", [...kinds, "malware-scan"]);
});

test("every state and module message that the manager writes has a word", () => {
	const text = all.map(read).join("\n");
	expectWords("status", found(text, /"((?:Managed|Unmanaged) \(\w+\))"/g));
	expectWords("module", found(text, /"(On(?:, [^"]*)?|Off|Not Activated)"/g));
});

test("every kind and field of an event has an English and a Japanese sentence", () => {
	const tables = all.map(read).filter((t) => t.includes("struct event_class event_class_"));
	expect(tables.length).toBeGreaterThan(1);
	const rows = tables.flatMap((t) => [
		...t.matchAll(/^\t\{ \d+,\s*"([\w-]+)",\s*SEVERITY_\w+,\s*"([^"]+)",\s*"([^"]+)"/gm),
	]);
	expect(rows.length).toBeGreaterThan(50);
	const marks = (s: string) => (s.match(/\{\w+\}/g) ?? []).sort();
	for (const [, kind, english, japanese] of rows) {
		expect(japanese, kind).toMatch(/[ぁ-んァ-ヶ一-龠]/);
		expect(marks(japanese), kind).toEqual(marks(english));
	}
});

test("every reason of the engine that judges packets has a word", () => {
	expectWords("packetReason", found(read("engine/reason.c"), /^\t\{ \d+, "([^"]+)"/gm));
});

/** settings.def: type and bounds by name. */
function settingsDef() {
	return new Map(
		found(read("model/settings.def"), /^(SETTING\(.*)$/gm).map((line) => {
			const [, name, type, rest] = line.match(/^SETTING\((\w+),\s*SCOPE_\w+,\s*(ST_\w+),(.*)$/) ?? [];
			const texts = found(rest ?? "", /"([^"]*)"/g);
			return [name, { type, bounds: texts[1] ?? "" }] as const;
		}),
	);
}

test("every choice of a setting that the console shows has a word, and no other is offered", () => {
	const defined = settingsDef();
	const rows = [...general, ...isolation, ...reconnaissance, ...advanced, ...prevention].flatMap((g) => g.rows);
	for (const row of rows) {
		const setting = defined.get(row.name);
		expect(setting, `${row.name} of settings.def`).toBeDefined();
		if (row.kind === "words") {
			expect([...row.values].sort(), row.name).toEqual(setting?.bounds.split("|").sort());
			expectWords(row.words, [...row.values]);
		}
		if (row.kind === "number") expect(`${row.min}|${row.max}`, row.name).toBe(setting?.bounds);
	}
});

test("the system's settings are offered as they are defined", () => {
	const defined = settingsDef();
	const types = { switch: "ST_BOOL", text: "ST_TEXT", area: "ST_TEXT", secret: "ST_SECRET", number: "ST_INT" };
	for (const row of Object.values(systemSettings).flatMap((groups) => groups.flatMap((g) => g.rows))) {
		const setting = defined.get(row.name);
		expect(setting, `${row.name} of settings.def`).toBeDefined();
		if (row.kind === "choice") {
			expect(row.values.join("|"), row.name).toBe(setting?.bounds);
			expectWords("settingValue", [...row.values]);
		} else if (row.kind === "number") expect(`${row.min}|${row.max}`, row.name).toBe(setting?.bounds);
		if (row.kind === "ref") expect(setting?.type, row.name).toBe("ST_ID");
		else if (row.kind !== "choice" && setting?.type !== "ST_SPAN")
			expect(setting?.type, row.name).toBe(types[row.kind]);
	}
	expectWords("settingTab", [...settingTabs]);
});

test("every right of a role, and every choice of Administration, has a word", () => {
	expectWords(
		"rightArea",
		rightGroups.filter((a) => a.groups.length).map((a) => a.area),
	);
	const groups = rightGroups.flatMap((a) => a.groups);
	expectWords(
		"rightGroup",
		groups.map((g) => g.group),
	);
	const rights = groups.flatMap((g) => [...g.names]);
	expectWords(
		"rightVerb",
		rights.map((r) => verbOf(r) ?? ""),
	);
	expectWords(
		"right",
		rights.filter((r) => verbOf(r) === null),
	);
	expectWords("alertState", [...alertStates]);
	expectWords("period", [...periods]);
	expectWords("runState", Object.keys(runStates));
	expectWords("computerFilter", filterTypes);
	expectWords("timeout", scanTimeouts);
	expectWords("taskAction", actionTypes);
	expectWords("taskCondition", conditionFields);
});

test("every choice of a common object has a word or is a name", () => {
	for (const f of [...kindNames, ...adminKindNames].flatMap((n) => kindOf(n).groups).flatMap((g) => g.fields)) {
		const { input } = f;
		if (input.type !== "choice" || ["protocol", "syslogTransport", "syslogFormat", ""].includes(input.words)) continue;
		expectWords(input.words, [...input.choices]);
	}
});

test("what the manager refuses an object with is understood", () => {
	const refusing = [
		"module/firewall/rule.c",
		"manager/api/resources_check.c",
		"manager/api/field.c",
		"manager/bench/firewall.c",
	]
		.map(read)
		.join("\n");
	const texts = found(refusing, /err_set\(\s*(?:why|&c->why), -E\w+,\s*"((?:[^"\\]|\\.)*)"/g)
		.map((t) =>
			t
				.replace(/\\"/g, '"')
				.replace(/%\.\*s|%\.400s|%s/g, "name")
				.replace(/%(?:ll|z)?[udi]/g, "7"),
		)
		.filter((t) => !/^(a rule is no object|interfaceTypeIDs|ruleIDs)/.test(t));
	expect(texts.length).toBeGreaterThan(25);
	expect(texts.filter((t) => refusalText("ja", (f) => f, t) === t)).toEqual([]);
	expect(refusalText("en", () => "Mask", "Invalid firewall rule: sourceIPMask is missing.")).toBe(
		"Not accepted: Mask is required.",
	);
	expect(
		refusalText(
			"ja",
			() => "ルール",
			'Invalid intrusion prevention rule: customXML, line 3, column 14: "x" is no keyword.',
		),
	).toBe('受け付けられません: ルールの 3 行 14 列: "x" is no keyword');
	expect(refusalText("en", (f) => f, "nobody knows this")).toBe("nobody knows this");
});

test("values of events are said in the reader's language", () => {
	expect(valueText("ja", "ScanResultString", "Access Denied")).toBe("アクセス拒否");
	expect(valueText("ja", "Description", "1 files, 0 found")).toBe("1 ファイル、検出 0 件");
	expect(valueText("en", "Description", "1 files, 0 found")).toBe("1 file, 0 found");
	expect(valueText("ja", "InfectedFilePath", "/a")).toBe("/a");
	expect(reasonText("ja", "quarantine /a: the file is gone already")).toBe("/a の隔離: ファイルはすでにありません");
	expect(reasonText("ja", "something that nobody knows")).toBe("something that nobody knows");
});

test("a sentence is filled in with words, and stays the manager's when the kind is unknown", () => {
	const event = {
		ID: 1,
		logDate: 0,
		received: 0,
		computerID: 1,
		hostName: "h",
		kind: "k",
		number: 1,
		sentence: "S",
	} as const;
	const e = { ...event, severity: "info" as const, ScanResultString: "Quarantined" };
	const kinds = [
		{ number: 1, name: "k", severity: "info", sentence: { en: "x: {ScanResultString}", ja: "{ScanResultString}{No}" } },
	];
	const cls = { name: "c", label: { en: "", ja: "" }, fields: [], kinds };
	expect(sentenceOf(e, cls, "ja")).toBe("隔離");
	expect(sentenceOf({ ...e, kind: "other" }, cls, "ja")).toBe("S");
});
