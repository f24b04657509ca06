// Every screen in both languages and both themes: axe finds nothing, and nothing is wider than the window.
import { violations } from "./axe.mjs";
import { tell } from "./tell.mjs";

/** [name, address, what to do there first] */
export const screens = (computer, event) => [
	["computers", "/computers"],
	[
		"computers-columns",
		"/computers",
		(p) => p.click("#content .yg-tools .yg-menu-button"),
		(p) => p.keyboard.press("Escape"),
	],
	["computers-no-match", "/computers?q=nothing-like-this"],
	["add-computer", "/computers?add=1", (p) => p.waitForSelector("dialog textarea")],
	["computer", `/computers/${computer}`],
	[
		"computer-actions",
		`/computers/${computer}`,
		(p) => p.click("#content .yg-menu-button"),
		(p) => p.keyboard.press("Escape"),
	],
	[
		"anti-malware",
		`/computers/${computer}/anti-malware`,
		async (p) => {
			await p.click(".yg-source summary");
			await p.click(".yg-summary summary");
		},
	],
	[
		"exclusions",
		`/computers/${computer}/anti-malware/exclusions?scan=manualScan`,
		async (p) => {
			await p.fill(".yg-listrow input[type=text]", "/srv/scratch/");
			await p.press(".yg-listrow input[type=text]", "Enter");
			await p.waitForSelector(".yg-save button");
		},
		(p) => p.click(".yg-save button:nth-of-type(2)"),
	],
	["advanced", `/computers/${computer}/anti-malware/advanced`],
	["computer-files", `/computers/${computer}/anti-malware/files`],
	["computer-events", `/computers/${computer}/anti-malware/events`],
	["computer-system-events", `/computers/${computer}/system-events`],
	["antimalware-events", "/events/antimalware"],
	["event", `/events/antimalware?open=${event}`, (p) => p.waitForSelector(".yg-panel dl")],
	["files", "/events/identifiedfiles"],
	["system-events", "/events/system"],
	["policies", "/policies"],
	["new-policy", "/policies?new=1", (p) => p.waitForSelector("dialog form")],
	["policy", "/policies/1"],
	["policy-anti-malware", "/policies/2/anti-malware"],
	["not-found", "/nothing"],
	[
		"jobs",
		"/computers",
		(p) => p.click(".yg-top .yg-menu-button >> nth=0"),
		(p) => p.click(".yg-drawer header button"),
	],
	["palette", "/computers", (p) => p.keyboard.press("Control+k"), (p) => p.keyboard.press("Escape")],
];

const overflow = () => document.documentElement.scrollWidth > window.innerWidth;

export async function look(page, name, shots) {
	await page.waitForTimeout(150);
	if (shots) await page.screenshot({ path: `${shots}/${name}.png` });
	const found = await violations(page);
	if (await page.evaluate(overflow)) found.push("wider than the window");
	return found.map((f) => `${name}: ${f}`);
}

/** As a link of the console does it: without loading the page again. */
async function visit(page, path) {
	await page.evaluate((to) => {
		history.pushState(null, "", to);
		dispatchEvent(new PopStateEvent("popstate"));
	}, path);
	await page.waitForSelector("main h1");
}

export async function everyScreen(page, list, shots) {
	for (const language of ["en", "ja"]) {
		for (const theme of ["light", "dark"]) {
			await page.evaluate(
				([l, t]) => {
					localStorage.setItem("language", l);
					localStorage.setItem("theme", t);
					localStorage.removeItem("jobs");
				},
				[language, theme],
			);
			await page.reload();
			await page.waitForSelector("main h1");
			const found = [];
			let looked = 0;
			for (const [name, path, before, after] of list) {
				await visit(page, path);
				await page.waitForFunction(() => !document.querySelector(".yg-waiting"));
				try {
					await before?.(page);
					found.push(...(await look(page, `${name}-${language}-${theme}`, shots)));
					await after?.(page);
					looked++;
				} catch (error) {
					found.push(`${name}: ${String(error).split("\n")[0]}`);
				}
			}
			tell(found.length === 0, `axe finds nothing on ${looked} screens, ${language}, ${theme}`, found.join("; "));
		}
	}
}
