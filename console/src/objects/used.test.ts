import { expect, test } from "vitest";
import { kindOf } from "./kinds";
import { usersOf } from "./used";

const none = { policies: [], computers: [] };

test("a rule is used by those that assign it themselves", () => {
	const owners = {
		policies: [{}, { ID: 1, name: "Base Policy", firewall: { ruleIDs: [4, 5] } }],
		computers: [{ ID: 7, hostName: "web01", firewall: { ruleIDs: [5] } }],
	};
	expect(usersOf(kindOf("firewallrules"), 5, owners, new Map()).map((u) => u.name)).toEqual(["Base Policy", "web01"]);
	expect(usersOf(kindOf("firewallrules"), 6, owners, new Map())).toEqual([]);
	expect(usersOf(kindOf("intrusionpreventionrules"), 5, owners, new Map())).toEqual([]);
});

test("a stateful configuration is used for all interfaces or for some", () => {
	const assigned = { statefulConfigurationAssignments: [{ interfaceTypeID: 1, statefulConfigurationID: 9 }] };
	const owners = {
		policies: [
			{ ID: 1, name: "a", firewall: { globalStatefulConfigurationID: 9 } },
			{ ID: 2, name: "b", firewall: { statefulConfigurationAssignments: assigned } },
		],
		computers: [],
	};
	expect(usersOf(kindOf("statefulconfigurations"), 9, owners, new Map()).map((u) => u.name)).toEqual(["a", "b"]);
});

test("a list is used by rules, application types and settings", () => {
	const rule = { ID: 3, name: "rule", description: "", destinationIPListID: 2, sourcePortListID: 2 };
	const type = { ID: 4, name: "type", description: "", portListID: 2 };
	const owners = {
		...none,
		policies: [{ ID: 1, name: "p", policySettings: { firewallSettingReconnaissanceExcludeIpListId: { value: "2" } } }],
	};
	const lists = new Map([
		["firewallrules" as const, [rule]],
		["applicationtypes" as const, [type]],
	]);
	expect(usersOf(kindOf("iplists"), 2, owners, lists).map((u) => u.name)).toEqual(["p", "rule"]);
	expect(usersOf(kindOf("portlists"), 2, none, lists).map((u) => u.name)).toEqual(["rule", "type"]);
	expect(usersOf(kindOf("maclists"), 2, none, lists)).toEqual([]);
});
