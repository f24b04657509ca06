import { rights } from "../api/api.gen";

/** Rights over what this manager does not have: kept as they are, not asked for. */
const absent = new Set([
	"assetValueRights",
	"dataCenterGatewayRights",
	"licenseRights",
	"multiTenantRights",
	"samlIdentityProviderRights",
	"scanCacheRights",
	"sensingModeConfigurationRights",
	"webReputationConfigurationRights",
	"proxyRights",
]);

/** "canEditPolicyProperties": edit; rights that do more than one of these are words of their own. */
export function verbOf(right: string): string | null {
	const [, verb, rest] = right.match(/^can(CreateNew|Create|Delete|Edit|View)(.+)$/) ?? [];
	if (!verb || /^(Other|NotRelated|SystemInformation|DiagnosticPackages|Tags$|AutoTag)/.test(rest)) return null;
	return { CreateNew: "create", Create: "create", Delete: "delete", Edit: "edit", View: "view" }[verb] ?? null;
}

export const rightGroups = (Object.keys(rights) as (keyof typeof rights)[]).map((area) => ({
	area,
	groups: Object.entries(rights[area] as Record<string, readonly string[]>)
		.filter(([group]) => !absent.has(group))
		.map(([group, names]) => ({ group, names })),
}));
