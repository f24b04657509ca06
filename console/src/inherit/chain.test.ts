import { expect, test } from "vitest";
import type { ModulePart } from "../api/types";
import { ancestors, assignedBy, asTree, type Level, listEntries, originOf, withDescendants } from "./chain";

const level = (name: string, am: ModulePart = {}, settings: Level["settings"] = {}, fw: ModulePart = {}): Level => ({
	kind: "policies",
	id: name.length,
	name,
	modules: { am, fw },
	settings,
});

test("a value comes from the nearest level that sets it", () => {
	const levels = [level("web01"), level("Linux Server"), level("Base Policy", { state: "on" })];
	const o = originOf(levels, "am.state", "off");
	expect([o.here, o.inherited, o.from?.name]).toEqual([undefined, "on", "Base Policy"]);
	expect(o.chain.map((c) => c.name)).toEqual(["Base Policy", "Linux Server", "web01"]);
});

test("an override does not hide what would be inherited", () => {
	const levels = [level("web01", { state: "off" }), level("Base Policy", { state: "on" })];
	const o = originOf(levels, "am.state", "off");
	expect([o.here, o.inherited]).toEqual(["off", "on"]);
});

test("a value that nobody sets is the default and comes from nobody", () => {
	const o = originOf([level("web01"), level("Base Policy")], "set.x", "2");
	expect([o.inherited, o.from]).toEqual(["2", null]);
});

test("an empty list that inherits is no override", () => {
	const key = "am.manualScanExcludedFileSetting";
	const plain = { manualScanExcludedFileSetting: { lists: [], inherited: true, fileLists: [] } };
	expect(originOf([level("a", plain)], key, undefined).here).toBeUndefined();
	const cut = { manualScanExcludedFileSetting: { lists: [], inherited: false } };
	expect(originOf([level("a", cut)], key, undefined).here).toBeDefined();
});

test("lists add up until a level cuts its parents' off", () => {
	const key = "am.manualScanExcludedFileSetting";
	const own = (lists: string[], inherited: boolean) => ({ manualScanExcludedFileSetting: { lists, inherited } });
	const entries = listEntries(
		[level("a", own(["1"], true)), level("b", own(["2"], false)), level("c", own(["3"], true))],
		key,
		"fileLists",
	);
	expect(entries.map((e) => [e.text, e.level.name, e.cut])).toEqual([
		["1", "a", false],
		["2", "b", false],
		["3", "c", true],
	]);
});

test("rules add up along the levels, and each says who assigns it", () => {
	const levels = [
		level("web01", {}, {}, { ruleIDs: [1] }),
		level("b", {}, {}, { ruleIDs: [1, 2] }),
		level("c", {}, {}, { ruleIDs: [3] }),
	];
	expect([...assignedBy(levels, "fw")].map(([id, l]) => [id, l.name])).toEqual([
		[1, "web01"],
		[2, "b"],
		[3, "c"],
	]);
	expect(assignedBy([level("a")], "ip").size).toBe(0);
});

const policies = [{ ID: 3, parentID: 2 }, { ID: 1 }, { ID: 2, parentID: 1 }, { ID: 4, parentID: 1 }];

test("policies are a tree, parents first", () => {
	expect(asTree(policies).map((n) => [n.node.ID, n.depth])).toEqual([
		[1, 0],
		[2, 1],
		[3, 2],
		[4, 1],
	]);
	expect(ancestors(policies, 3).map((p) => p.ID)).toEqual([3, 2, 1]);
	expect([...withDescendants(policies, 2)].sort()).toEqual([2, 3]);
});

test("a policy whose parent is not known stands at the root", () => {
	expect(asTree([{ ID: 7, parentID: 99 }])).toEqual([{ node: { ID: 7, parentID: 99 }, depth: 0 }]);
});
