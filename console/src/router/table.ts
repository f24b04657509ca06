/** Every view of the console and its address. `:name` is a part that varies. */
export const routes = {
	dashboard: "/dashboard",
	alerts: "/alerts",
	alertTypes: "/alerts/types",
	settings: "/settings/:tab",
	events: "/events/:class",
	changes: "/changes",
	computers: "/computers",
	computer: "/computers/:id",
	baseline: "/computers/:id/baseline",
	computerModule: "/computers/:id/:module",
	computerTab: "/computers/:id/:module/:tab",
	objects: "/objects/:kind",
	object: "/objects/:kind/:id",
	policies: "/policies",
	policy: "/policies/:id",
	policyModule: "/policies/:id/:module",
	policyTab: "/policies/:id/:module/:tab",
} as const;

export type RouteName = keyof typeof routes;

type Parts<P extends string> = P extends `${string}:${infer N}/${infer Rest}`
	? N | Parts<`/${Rest}`>
	: P extends `${string}:${infer N}`
		? N
		: never;

export type Params<R extends RouteName> = { [N in Parts<(typeof routes)[R]>]: string | number };
export type Search = Record<string, string>;

export interface Place {
	name: RouteName;
	params: Record<string, string>;
}

/** The address of a view; search members that are empty are left out. */
export function href<R extends RouteName>(name: R, params: Params<R>, search: Search = {}): string {
	const path = routes[name].replace(/:(\w+)/g, (_m, part: string) =>
		encodeURIComponent(String((params as Record<string, string | number>)[part])),
	);
	const query = new URLSearchParams(Object.entries(search).filter(([, value]) => value !== "")).toString();
	return query ? `${path}?${query}` : path;
}

/** Which view an address means; null: none. */
export function placeOf(path: string): Place | null {
	const given = path.split("/").filter(Boolean);
	for (const name of Object.keys(routes) as RouteName[]) {
		const wanted = routes[name].split("/").filter(Boolean);
		if (wanted.length !== given.length) continue;
		const params: Record<string, string> = {};
		const fits = wanted.every((part, i) => {
			if (!part.startsWith(":")) return part === given[i];
			params[part.slice(1)] = decodeURIComponent(given[i]);
			return true;
		});
		if (fits) return { name, params };
	}
	return null;
}
