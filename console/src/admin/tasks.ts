import type { RefKind } from "./refs";

/** What each choice of computers names; the others name nothing. */
export const filterRefs: Record<string, { member: string; kind: RefKind }> = {
	computer: { member: "computerID", kind: "computers" },
	"computers-in-group": { member: "computerGroupID", kind: "computergroups" },
	"computers-in-group-or-subgroup": { member: "computerGroupID", kind: "computergroups" },
	"computers-using-policy": { member: "policyID", kind: "policies" },
	"computers-using-policy-or-subpolicy": { member: "policyID", kind: "policies" },
	"computers-in-smart-folder": { member: "smartFolderID", kind: "smartfolders" },
};
export const filterTypes = ["all-computers", ...Object.keys(filterRefs)];

export const updateTimeouts = ["never", "one-hour", "two-hours", "four-hours", "eight-hours"];
export const scanTimeouts = [...updateTimeouts, "twelve-hours", "one-day", "one-and-a-half-days", "two-days"];

export const actionRefs: Record<string, RefKind> = { "assign-policy": "policies", "assign-group": "computergroups" };
export const actionTypes = ["activate", "assign-policy", "assign-group", "deactivate"];
export const conditionFields = ["hostname", "lastUsedIP", "platform", "folder", "tag"];

/** How a run looks in each of its states. */
export const runStates: Record<string, string> = {
	queued: "inactive",
	running: "active",
	done: "active",
	failed: "error",
	cancelled: "warning",
	"timed-out": "warning",
	missed: "warning",
	"not-available": "warning",
};
