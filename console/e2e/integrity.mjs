// Integrity Monitoring in a browser, in both languages: a rule is written and assigned, what changed is decided in the
// inbox, the baseline is looked through and compared; then every screen of it with axe. From the environment: BASE_URL
// USER_NAME PASSWORD, FOLDER (what is watched: a file watched-LANGUAGE.conf of it has changed, and that waits), SHOTS.
import { mkdirSync, readFileSync } from "node:fs";
import { open, signIn } from "./browser.mjs";
import { everyScreen } from "./screens.mjs";
import { failures, tell } from "./tell.mjs";

const { BASE_URL, USER_NAME, PASSWORD, FOLDER, SHOTS } = process.env;
const read = (file) => JSON.parse(readFileSync(new URL(`../i18n/${file}.json`, import.meta.url), "utf8"));
const texts = Object.fromEntries(["en", "ja"].map((l) => [l, { ...read(l), ...read(`network.${l}`) }]));
const at = (path) => new URL(path, BASE_URL).href;
const COMPUTER = 1;

if (SHOTS) mkdirSync(SHOTS, { recursive: true });
const { browser, page } = await open(BASE_URL);
page.setDefaultTimeout(30000);
const refused = [];
page.on("console", (m) => m.text().includes("Content Security Policy") && refused.push(m.text()));

const field = (name) => `[data-field="${name}"]`;
const row = (text) => page.locator("main tbody tr").filter({ hasText: text });
/** As the console asks: with the cookie and the session's RID. */
const answer = (path) =>
	page.evaluate(async (p) => {
		const { RID } = await (await fetch("/api/sessions/current")).json();
		return (await fetch(`/api${p}`, { headers: { rID: RID } })).json();
	}, path);

async function writeRule(t, language) {
	const name = `Settings ${language}`;
	await page.goto(at("/objects/integritymonitoringrules/new"));
	await page.fill(`${field("name")} input`, name);
	await page.selectOption(`${field("severity")} select`, "critical");
	await page.fill(`${field("fileBaseDirectory")} input`, FOLDER);
	await page.selectOption(`${field("template")} select`, "custom");
	tell(
		(await page.locator(field("fileBaseDirectory")).count()) === 0,
		"a rule in XML is asked for no folder beside it",
	);
	await page.fill(`${field("customXML")} textarea`, `<FileSet base="${FOLDER}">\n <inklude key="*"/></FileSet>`);
	await page.click(`.yg-save button:has-text("${t["policies.create"]}")`);
	await page.waitForSelector("main :text('inklude')");
	const said = await page.textContent("main");
	tell(/line 2, column 2|2\s*行/.test(said), "a wrong rule is refused with its place", said.slice(0, 200));
	await page.fill(`${field("customXML")} textarea`, `<FileSet base="${FOLDER}"><include key="*.conf"/></FileSet>`);
	await page.click(`.yg-save button:has-text("${t["policies.create"]}")`);
	await page.waitForURL(/\/objects\/integritymonitoringrules\/\d+$/);
	const stored = (await answer("/integritymonitoringrules")).integrityMonitoringRules.find((r) => r.name === name);
	tell(
		stored?.severity === "critical" && stored.template === "custom",
		"and taken when it is mended",
		JSON.stringify(stored),
	);
	return stored.ID;
}

/** [deed, state] */
const decisions = { en: ["approve", "approved"], ja: ["incident", "incident"] };

async function decide(t, language) {
	const [deed, state] = decisions[language];
	const rule = `Watched ${language}`;
	await page.goto(at("/changes"));
	await row(rule)
		.locator(`button:has-text("${t[`changes.${deed}`]}")`)
		.click();
	await page.fill("dialog input", `decided ${language}`);
	await page.click(`dialog footer button:has-text("${t[`changes.${deed}`]}")`);
	await page.waitForSelector("dialog", { state: "detached" });
	await row(rule).waitFor({ state: "detached" });
	const change = (await answer(`/integritychanges?state=${state}`)).integrityChanges.find((c) => c.text.includes(rule));
	tell(
		change?.note === `decided ${language}` && change.by === USER_NAME,
		`what waited is decided (${state}), by whom and why`,
		JSON.stringify(change),
	);
	await page.selectOption("main .yg-choice select, main select.yg-choice", state);
	await row(rule).waitFor();
	tell(true, "and is found among the decided");
}

async function baseline(t, language) {
	const file = `${FOLDER}/watched-${language}.conf`;
	await page.goto(at(`/computers/${COMPUTER}`));
	await page.click("#content .yg-menu-button");
	await page.click(`#content .yg-menu-box button:has-text("${t["baseline.title"]}")`);
	await page.waitForSelector("#baseline-older option >> nth=1", { state: "attached" });
	await page.fill("#baseline-text", `watched-${language}`);
	await page.selectOption("#baseline-class", "File");
	await page.click("main form button[type=submit]");
	await page.waitForFunction(() => document.querySelectorAll("main .yg-path").length > 0);
	await row(file).waitFor();
	tell((await row(/\.conf/).count()) === 1, "the baseline is looked through for a file");
	await page.fill("#baseline-text", "");
	await page.selectOption("#baseline-older", { index: (await page.locator("#baseline-older option").count()) - 1 });
	await page.click("main form button[type=submit]");
	const changed = row(file).filter({ hasText: t["integrityChange.updated"] });
	await changed.waitFor();
	tell(/ → /.test(await changed.textContent()), "and compared with the oldest kept, value by value");
}

/** What the baseline's page shows when it was compared. */
async function compared(p) {
	await p.waitForSelector("#baseline-older option >> nth=1", { state: "attached" });
	await p.selectOption("#baseline-older", { index: (await p.locator("#baseline-older option").count()) - 1 });
	await p.click("main form button[type=submit]");
	await p.waitForFunction(() => [...document.querySelectorAll("main td")].some((td) => td.textContent.includes(" → ")));
}

const screens = (rule, shipped, event) => [
	["im-rules", "/objects/integritymonitoringrules"],
	[
		"im-rule-registry",
		"/objects/integritymonitoringrules/new",
		async (p) => {
			await p.selectOption(`${field("template")} select`, "registry");
			await p.waitForSelector(field("registryKeyRoot"));
		},
		(p) => p.selectOption(`${field("template")} select`, "file"),
	],
	["im-rule-xml", `/objects/integritymonitoringrules/${rule}`, (p) => p.waitForSelector(field("customXML"))],
	["im-rule-shipped", `/objects/integritymonitoringrules/${shipped}`],
	["im-changes", "/changes", (p) => p.waitForSelector("main tbody tr")],
	[
		"im-changes-decide",
		"/changes",
		async (p) => {
			await p.click("main tbody tr .yg-deeds button >> nth=0");
			await p.waitForSelector("dialog input");
		},
		(p) => p.keyboard.press("Escape"),
	],
	["im-baseline-compared", `/computers/${COMPUTER}/baseline`, compared],
	["im-event", `/events/integritymonitoring?open=${event}`, (p) => p.waitForSelector(".yg-panel dl")],
];

try {
	await page.waitForSelector("#user");
	await signIn(page, USER_NAME, PASSWORD);
	let rule = 0;
	for (const language of ["en", "ja"]) {
		console.log(`# ${language}`);
		await page.evaluate((l) => localStorage.setItem("language", l), language);
		rule = await writeRule(texts[language], language);
		await decide(texts[language], language);
		await baseline(texts[language], language);
	}
	console.log(`# ${Math.round(performance.now() / 1000)} s for the flows`);
	const shipped = (await answer("/integritymonitoringrules")).integrityMonitoringRules.find((r) => r.identifier);
	const event = (await answer("/events/integritymonitoring")).integrityMonitoringEvents[0];
	await everyScreen(page, screens(rule, shipped?.ID ?? rule, event.ID), SHOTS);
	console.log(`# ${Math.round(performance.now() / 1000)} s with all screens`);
	tell(refused.length === 0, "the content security policy refused nothing", refused[0]);
} catch (error) {
	tell(false, "the browser gets through", String(error).split("\n").slice(0, 3).join(" | "));
	if (SHOTS) await page.screenshot({ path: `${SHOTS}/failed.png` });
} finally {
	await browser.close();
}
process.exit(failures() ? 1 : 0);
