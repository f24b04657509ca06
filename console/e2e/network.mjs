// Firewall and Intrusion Prevention in a browser, in both languages, then every screen of theirs with axe. From the
// environment: BASE_URL USER_NAME PASSWORD, HIT (a command that connects to a port that the rule denies), SHOTS.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { open, signIn } from "./browser.mjs";
import * as firewall from "./firewall.mjs";
import * as prevention from "./prevention.mjs";
import { everyScreen } from "./screens.mjs";
import { failures, tell } from "./tell.mjs";

const { BASE_URL, USER_NAME, PASSWORD, HIT, SHOTS } = process.env;
const read = (file) => JSON.parse(readFileSync(new URL(`../i18n/${file}.json`, import.meta.url), "utf8"));
const texts = Object.fromEntries(["en", "ja"].map((l) => [l, { ...read(l), ...read(`network.${l}`) }]));
const at = (path) => new URL(path, BASE_URL).href;
const COMPUTER = 1;

function hit() {
	try {
		execFileSync(HIT, { stdio: "ignore" });
	} catch {
		// denied: that is what is wanted
	}
}

if (SHOTS) mkdirSync(SHOTS, { recursive: true });
const { browser, page } = await open(BASE_URL);
page.setDefaultTimeout(60000);
const refused = [];
page.on("console", (m) => m.text().includes("Content Security Policy") && refused.push(m.text()));

/** [name, address, what to do there first, what after] */
const screens = (rule, ips, event) => [
	["objects", "/objects/firewallrules"],
	["objects-ips", "/objects/intrusionpreventionrules"],
	["objects-empty", "/objects/interfacetypes"],
	["object-rule", `/objects/firewallrules/${rule}`],
	[
		"object-delete",
		`/objects/firewallrules/${rule}`,
		async (p) => {
			await p.click("main .yg-actions button.pf-m-danger:not([disabled])");
			await p.waitForSelector("dialog li");
		},
	],
	["object-schedule", "/objects/schedules/new"],
	["object-list", "/objects/iplists/new"],
	["object-context", "/objects/contexts/new"],
	["object-stateful", "/objects/statefulconfigurations/new"],
	["object-ips", `/objects/intrusionpreventionrules/${ips}`],
	["object-type", "/objects/applicationtypes/new"],
	["policies-modules", "/policies"],
	["firewall", "/policies/1/firewall"],
	[
		"firewall-rules",
		`/computers/${COMPUTER}/firewall/rules?show=all`,
		(p) => p.waitForSelector("main tbody .yg-check"),
	],
	[
		"firewall-override",
		`/computers/${COMPUTER}/firewall/rules`,
		async (p) => {
			await p.click("main tbody tr button.pf-m-link");
			await p.waitForSelector("dialog .yg-field");
		},
	],
	["firewall-stateful", "/policies/1/firewall/stateful"],
	["firewall-reconnaissance", "/policies/1/firewall/reconnaissance"],
	["firewall-advanced", "/policies/1/firewall/advanced"],
	["firewall-simulator", `/computers/${COMPUTER}/firewall/simulator`],
	["firewall-event", `/events/firewall?open=${event}`, (p) => p.waitForSelector(".yg-packet pre")],
	["prevention", "/policies/1/intrusion-prevention"],
	[
		"prevention-rules",
		`/computers/${COMPUTER}/intrusion-prevention/rules?show=all`,
		(p) => p.waitForSelector("main tbody .yg-check"),
	],
	["prevention-capture", `/computers/${COMPUTER}/intrusion-prevention/capture`],
	["prevention-types", `/computers/${COMPUTER}/intrusion-prevention/types`],
	["computer-ports", `/computers/${COMPUTER}`, (p) => p.waitForSelector("#port-scan-ports")],
];

async function flow(language, port) {
	const t = texts[language];
	const name = `Deny door ${language}`;
	await page.evaluate((l) => localStorage.setItem("language", l), language);
	const rule = await firewall.writeRule(page, at, t, name, port);
	await firewall.copyAndDelete(page, at, t, rule, name);
	await firewall.assignAndInherit(page, at, t, COMPUTER, name);
	await firewall.inUse(page, at, t, rule);
	await firewall.simulate(page, at, t, COMPUTER, name, port);
	await firewall.scanPorts(page, at, t, COMPUTER);
	const ips = await prevention.templates(page, at, t, `Door ${language}`);
	await prevention.assignAndOverride(page, at, t, COMPUTER, `Door ${language}`);
	await prevention.tryCapture(page, at, t, ips, `Door ${language}`);
	return { rule, ips, name };
}

try {
	await page.waitForSelector("#user");
	await signIn(page, USER_NAME, PASSWORD);
	await page.waitForSelector("nav");
	const first = await flow("en", 2323);
	await firewall.eventSeen(page, at, texts.en, COMPUTER, first.name, hit);
	await flow("ja", 2424);
	await prevention.manyRules(page, at);
	console.log(`# ${Math.round(performance.now() / 1000)} s for the flows`);
	await page.goto(at(`/computers/${COMPUTER}/firewall/events`));
	await page.locator("main tbody tr").filter({ hasText: first.name }).first().locator("[data-row]").click();
	const event = Number(new URL(page.url()).searchParams.get("open"));
	await everyScreen(page, screens(first.rule, first.ips, event), SHOTS);
	console.log(`# ${Math.round(performance.now() / 1000)} s with all screens`);
	tell(refused.length === 0, "the content security policy refused nothing", refused[0]);
} catch (error) {
	tell(false, "the browser gets through", String(error).split("\n").slice(0, 3).join(" | "));
	if (SHOTS) await page.screenshot({ path: `${SHOTS}/failed.png` });
} finally {
	await browser.close();
}
process.exit(failures() ? 1 : 0);
