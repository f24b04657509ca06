import { expect, test } from "vitest";
import type { Level, ValueKey } from "./chain";
import { applied, type Draft, savingOf, withChange } from "./draft";

const none: Draft = new Map();
const level: Level = {
	kind: "policies",
	id: 1,
	name: "p",
	modules: { am: { state: "on" } },
	settings: { x: { value: "1" } },
};

test("a change back to what is stored is no change", () => {
	const changed = withChange(none, "am.state", "off", "on");
	expect(changed.size).toBe(1);
	expect(withChange(changed, "am.state", "on", "on").size).toBe(0);
	expect(withChange(none, "set.x", null, undefined).size).toBe(0);
});

test("what is shown is what will be stored", () => {
	const draft = new Map([["am.state", null] as const, ["set.x", "5"] as const]);
	const next = applied(level, draft);
	expect(next.modules.am?.state).toBeUndefined();
	expect(next.settings.x.value).toBe("5");
	expect(level.modules.am?.state).toBe("on");
});

test("inheriting again is said as the API says it", () => {
	const draft = new Map([
		["am.state", null] as const,
		["am.manualScanConfigurationID", null] as const,
		["am.manualScanExcludedFileExtensionSetting", null] as const,
		["set.x", null] as const,
		["set.y", "2"] as const,
	]);
	expect(savingOf("computers", draft)).toEqual({
		body: {
			antiMalware: {
				state: "inherited",
				manualScanConfigurationID: 0,
				manualScanExcludedFileExtensionSetting: { lists: [], inherited: true, fileExtensionLists: [] },
			},
			computerSettings: { y: { value: "2" } },
		},
		reset: ["x"],
		assign: [],
	});
	expect(savingOf("policies", new Map([["set.x", null]]))).toEqual({ body: null, reset: ["x"], assign: [] });
});

test("rules are saved as the module's own assignments, beside its other members", () => {
	const draft: Draft = new Map<ValueKey, unknown>([
		["fw.ruleIDs", [3, 4]],
		["ip.ruleIDs", null],
		["fw.globalStatefulConfigurationID", null],
		["ip.state", "prevent"],
	]);
	expect(savingOf("policies", draft)).toEqual({
		body: { firewall: { globalStatefulConfigurationID: 0 }, intrusionPrevention: { state: "prevent" } },
		reset: [],
		assign: [
			{ path: "firewall", ruleIDs: [3, 4] },
			{ path: "intrusionprevention", ruleIDs: [] },
		],
	});
});
