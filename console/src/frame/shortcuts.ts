import { useEffect } from "react";
import { go, href } from "../router/router";

/** `g` and then a letter. */
const places: Record<string, string> = {
	d: href("dashboard", {}),
	a: href("alerts", {}),
	t: href("objects", { kind: "scheduledtasks" }),
	u: href("objects", { kind: "administrators" }),
	m: href("settings", { tab: "agents" }),
	c: href("computers", {}),
	p: href("policies", {}),
	o: href("objects", { kind: "firewallrules" }),
	w: href("events", { class: "firewall" }),
	e: href("events", { class: "antimalware" }),
	f: href("events", { class: "identifiedfiles" }),
	s: href("events", { class: "system" }),
};

const typing = (e: KeyboardEvent) =>
	e.isComposing || e.keyCode === 229 || /^(INPUT|SELECT|TEXTAREA)$/.test((e.target as HTMLElement).tagName);

/** Ctrl-K everywhere; single keys never while typing, an input method composes or a dialog is open. */
export function useShortcuts(onPalette: () => void) {
	useEffect(() => {
		let afterG = false;
		function key(e: KeyboardEvent) {
			if ((e.ctrlKey || e.metaKey) && e.key === "k") {
				e.preventDefault();
				onPalette();
				return;
			}
			if (typing(e) || e.ctrlKey || e.metaKey || e.altKey || document.querySelector("dialog[open]")) return;
			if (afterG && places[e.key]) go(places[e.key]);
			if (e.key === "/") {
				const filter = document.querySelector<HTMLElement>("input[data-filter]");
				if (filter) {
					e.preventDefault();
					filter.focus();
				}
			}
			afterG = e.key === "g";
		}
		document.addEventListener("keydown", key);
		return () => document.removeEventListener("keydown", key);
	}, [onPalette]);
}
