import { useEffect, useState } from "react";

export const themes = ["system", "light", "dark"] as const;
export type Theme = (typeof themes)[number];

const dark = window.matchMedia("(prefers-color-scheme: dark)");

export function savedTheme(): Theme {
	const saved = window.localStorage.getItem("theme") as Theme | null;
	return saved && themes.includes(saved) ? saved : "system";
}

export function applyTheme(theme: Theme) {
	const on = theme === "dark" || (theme === "system" && dark.matches);
	document.documentElement.classList.toggle("pf-v6-theme-dark", on);
}

/** The choice is kept; "system" follows the system as it changes. */
export function useTheme(): [Theme, (theme: Theme) => void] {
	const [theme, setTheme] = useState<Theme>(savedTheme);
	useEffect(() => {
		window.localStorage.setItem("theme", theme);
		applyTheme(theme);
		const changed = () => applyTheme(theme);
		dark.addEventListener("change", changed);
		return () => dark.removeEventListener("change", changed);
	}, [theme]);
	return [theme, setTheme];
}
