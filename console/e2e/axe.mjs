// axe-core in the page, put there by the debugger so that the page's content security policy stays in force.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export async function violations(page) {
	const session = await page.context().newCDPSession(page);
	await session.send("Runtime.evaluate", { expression: source });
	const { result } = await session.send("Runtime.evaluate", {
		expression:
			"axe.run().then(r => JSON.stringify(r.violations.map(v => v.id + ': ' + v.nodes[0].html.slice(0, 120))))",
		awaitPromise: true,
	});
	await session.detach();
	return JSON.parse(result.value);
}
