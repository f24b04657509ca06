import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** PatternFly's bundled faces are dropped: the console uses the system's fonts. */
const noFonts = {
	name: "no-fonts",
	enforce: "pre" as const,
	transform(code: string, id: string) {
		return id.includes("@patternfly") && id.endsWith(".css") ? code.replace(/@font-face\s*\{[^}]*\}/g, "") : null;
	},
};

export default defineConfig({
	plugins: [noFonts, react()],
	build: { manifest: true, assetsInlineLimit: 0, modulePreload: { polyfill: false }, chunkSizeWarningLimit: 900 },
});
