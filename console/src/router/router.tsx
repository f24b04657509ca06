import { type MouseEvent, type ReactNode, useCallback, useMemo, useSyncExternalStore } from "react";
import { type Place, placeOf, type Search } from "./table";

export { href } from "./table";

const listeners = new Set<() => void>();
const tell = () => {
	for (const l of listeners) l();
};
window.addEventListener("popstate", tell);

/** Asked before the path changes: false keeps it. One at a time: the editor that has unsaved changes. */
type Guard = (to: string) => boolean;
let guard: Guard | null = null;

export function guardLeaving(ask: Guard | null) {
	guard = ask;
}

export function go(to: string, how: { replace?: boolean } = {}) {
	const { pathname } = new URL(to, window.location.href);
	if (pathname !== window.location.pathname && guard && !guard(pathname)) return;
	window.history[how.replace ? "replaceState" : "pushState"](null, "", to);
	tell();
}

function subscribe(listener: () => void) {
	listeners.add(listener);
	return () => listeners.delete(listener);
}

export function useLocation(): { path: string; query: string } {
	const whole = useSyncExternalStore(subscribe, () => window.location.pathname + window.location.search);
	const at = whole.indexOf("?");
	return at < 0 ? { path: whole, query: "" } : { path: whole.slice(0, at), query: whole.slice(at) };
}

export function usePlace(): Place | null {
	const { path } = useLocation();
	return useMemo(() => placeOf(path), [path]);
}

/** The search part of the address as the view's state; what equals its default is not written there. */
export function useSearch<S extends Search>(
	defaults: S,
): [S, (change: Partial<S>, how?: { replace?: boolean }) => void] {
	const { query } = useLocation();
	const key = JSON.stringify(defaults);
	const state = useMemo(() => {
		const given = new URLSearchParams(query);
		const base = JSON.parse(key) as S;
		return Object.fromEntries(Object.entries(base).map(([n, v]) => [n, given.get(n) ?? v])) as S;
	}, [query, key]);
	const set = useCallback(
		(change: Partial<S>, how?: { replace?: boolean }) => {
			const now = new URLSearchParams(window.location.search);
			const base = JSON.parse(key) as Search;
			for (const [name, value] of Object.entries(change)) {
				if (value === undefined || value === base[name]) now.delete(name);
				else now.set(name, value);
			}
			const text = now.toString();
			go(window.location.pathname + (text ? `?${text}` : ""), how);
		},
		[key],
	);
	return [state, set];
}

const plain = (e: MouseEvent) => e.button === 0 && !e.metaKey && !e.ctrlKey && !e.shiftKey && !e.altKey;

/** A real link: opens in a new tab when asked to, else without loading the page again. */
export function Link(props: {
	to: string;
	children: ReactNode;
	className?: string;
	current?: "page" | "true";
	onGo?: () => void;
	row?: boolean;
}) {
	return (
		<a
			href={props.to}
			className={props.className}
			aria-current={props.current}
			data-row={props.row ? "" : undefined}
			onClick={(e) => {
				if (!plain(e)) return;
				e.preventDefault();
				go(props.to);
				props.onGo?.();
			}}
		>
			{props.children}
		</a>
	);
}
