// Beside each file of dist/ its gzip form, which the manager serves to browsers that take it.
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

function walk(dir) {
	for (const name of readdirSync(dir)) {
		const path = join(dir, name);
		if (statSync(path).isDirectory()) walk(path);
		else if (/\.(js|css|html|svg|json)$/.test(name))
			writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 9 }));
	}
}

walk("dist");
