// What the first screen loads: the entry of index.html and all it imports at once; more than the budget fails the build.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const KIB = 1024;
const BUDGET = { js: 150 * KIB, css: 75 * KIB };

const manifest = JSON.parse(readFileSync("dist/.vite/manifest.json", "utf8"));
const first = new Set();
function walk(key) {
	if (first.has(key)) return;
	first.add(key);
	for (const k of manifest[key].imports ?? []) walk(k);
}
for (const [key, chunk] of Object.entries(manifest)) if (chunk.isEntry) walk(key);

const files = { js: new Set(), css: new Set() };
for (const key of first) {
	files.js.add(manifest[key].file);
	for (const css of manifest[key].css ?? []) files.css.add(css);
}
let over = 0;
for (const [kind, budget] of Object.entries(BUDGET)) {
	const bytes = [...files[kind]].reduce((sum, f) => sum + gzipSync(readFileSync(`dist/${f}`), { level: 9 }).length, 0);
	console.log(`first screen, ${kind}: ${(bytes / KIB).toFixed(1)} of ${budget / KIB} KiB (gzip)`);
	if (bytes > budget) over++;
}
process.exit(over ? 1 : 0);
