// The console in a browser, in both languages: sign in, add a computer, a detection seen live, the computer's page, a
// scan with progress and cancel, a file restored; then every screen with axe. From the environment: BASE_URL
// USER_NAME PASSWORD, WRITE (a command that writes the test file to the name given to it), ACTIVATE (one that runs the
// words of the shown command), MANY (one that makes many files), SHOTS (a folder for screenshots).
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { open, signIn } from "./browser.mjs";
import { largeList, tabs } from "./large.mjs";
import { everyScreen, look, screens } from "./screens.mjs";
import { failures, tell } from "./tell.mjs";

const { BASE_URL, USER_NAME, PASSWORD, PROTECTED, WRITE, ACTIVATE, SHOTS } = process.env;
const texts = Object.fromEntries(
	["en", "ja"].map((l) => [l, JSON.parse(readFileSync(new URL(`../i18n/${l}.json`, import.meta.url), "utf8"))]),
);
const run = (script, ...args) => execFileSync(script, args, { stdio: "ignore" });
const at = (path) => new URL(path, BASE_URL).href;

if (SHOTS) mkdirSync(SHOTS, { recursive: true });
const { browser, page } = await open(BASE_URL);
page.setDefaultTimeout(15000);
const refused = [];
page.on("console", (m) => m.text().includes("Content Security Policy") && refused.push(m.text()));

async function addComputer(t) {
	await page.click(`a[href="/computers"]`);
	await page.click(`button:has-text("${t["computers.add"]}")`);
	const command = await page.inputValue("dialog textarea");
	tell(command.includes("dsa_control -a dsm://"), "adding a computer shows the command", command);
	return command;
}

async function detectionSeenLive(t, name) {
	await page.click('a[href="/events/antimalware"]');
	await page.waitForSelector(`h1:has-text("${t["nav.antimalware"]}")`);
	await page.waitForSelector(".yg-grid, .pf-v6-c-empty-state");
	const start = Date.now();
	run(WRITE, `${PROTECTED}/${name}`);
	await page.click(`button:has-text("${t["grid.fresh"].replace("{count}", "1")}")`);
	const row = page.locator("tr", { hasText: name }).first();
	await row.waitFor();
	console.log(`# ${Date.now() - start} ms from writing the file to seeing it`);
	const text = await row.textContent();
	tell(text.includes(t["action.Quarantined"]), "a detection appears without a reload, in the reader's words", text);
	await row.locator("[data-row]").click();
	const panel = await page.textContent(".yg-panel");
	tell(panel.includes(name) && page.url().includes("open="), "its details open beside the list, with an address");
	await page.keyboard.press("Escape");
	await page.waitForSelector(".yg-panel", { state: "detached" });
}

async function scanAndCancel(t, id) {
	await page.goto(at(`/computers/${id}`));
	await page.click(`main nav a:has-text("${t["modules.antimalware"]}")`);
	await page.fill("#scan-paths", `${PROTECTED}/many`);
	await page.click(`button:has-text("${t["scan.now"]}")`);
	const files = page.locator(".yg-scan .yg-progress span").first();
	await files.waitFor();
	await page.waitForFunction(() =>
		/[1-9]/.test(document.querySelector(".yg-scan .yg-progress span")?.textContent ?? ""),
	);
	tell(true, "a scan shows what it has done while it runs");
	const folder = await page.locator(".yg-scan .yg-folder").textContent();
	tell(folder.includes("many"), "and where it is", folder);
	await page.click(`.yg-scan button:has-text("${t["common.cancel"]}")`);
	await page.waitForSelector(`.yg-past li:has-text("${t["job.cancelled"]}")`, { timeout: 30000 });
	tell(true, "it can be cancelled");
	await page.click(".yg-top .yg-menu-button >> nth=0");
	const line = page.locator(".yg-drawer .yg-job", { hasText: t["job.cancelled"] }).first();
	tell((await line.textContent()).includes(t["jobKind.malware-scan"]), "the job drawer keeps it");
	await line.locator(`button:has-text("${t["common.retry"]}")`).click();
	await page.waitForSelector(".yg-scan .yg-progress");
	tell(true, "it can be tried again from there");
	await page.click(`.yg-scan button:has-text("${t["common.cancel"]}")`);
	await page.waitForSelector(".yg-scan", { state: "detached", timeout: 30000 });
	await page.click(".yg-drawer header button");
}

async function restoreFile(t, id, name) {
	await page.goto(at(`/computers/${id}/anti-malware/files`));
	const row = page.locator("tr", { hasText: name }).first();
	await row.waitFor();
	await row.locator(`button:has-text("${t["files.restore"]}")`).click();
	await page.click(`dialog footer button:has-text("${t["files.restore"]}")`);
	await page.waitForFunction(
		([n, w]) =>
			[...document.querySelectorAll("tbody tr")].some((r) => r.textContent.includes(n) && r.textContent.includes(w)),
		[name, t["files.restored"]],
	);
	tell(existsSync(`${PROTECTED}/${name}`), "a quarantined file is restored, and the list says so");
}

async function overrideAndReset(t, id) {
	await page.goto(at(`/computers/${id}/anti-malware`));
	const state = page.locator(".yg-row select").first();
	await state.selectOption("off");
	tell(
		(await page.textContent(".yg-save")).includes("1"),
		"an override says how many computers it touches before it is saved",
	);
	await page.click(`.yg-save button:has-text("${t["editor.save"]}")`);
	await page.waitForSelector(".yg-save", { state: "detached" });
	await page.waitForSelector(`.yg-own:has-text("${t["inherit.here"]}")`);
	await page.click(`.yg-own button:has-text("${t["inherit.reset"]}")`);
	await page.click(`.yg-save button:has-text("${t["editor.save"]}")`);
	await page.waitForSelector(".yg-save", { state: "detached" });
	const source = await page.locator(".yg-source summary").first().textContent();
	tell(source.includes("Base Policy"), "and after the reset where the value comes from", source);
}

async function backAndForward() {
	await page.goto(at("/computers"));
	await page.fill("input[data-filter]", "no-such-computer");
	await page.waitForURL(/q=no-such-computer/);
	await page.click('a[href="/policies"]');
	await page.goBack();
	await page.waitForFunction(() => document.querySelector("input[data-filter]")?.value === "no-such-computer");
	tell(true, "back and forward keep what a list was filtered by");
	await page.fill("input[data-filter]", "");
	await page.waitForSelector("[data-row]");
	await page.locator("[data-row]").first().focus();
	await page.keyboard.press("Enter");
	await page.waitForURL(/computers\/\d+$/);
	tell(true, "a row is opened by the keyboard");
}

async function setLanguage(language) {
	const names = { en: "English", ja: "日本語" };
	await page.click(`.yg-top .yg-menu-button:has-text("${names[language === "en" ? "ja" : "en"]}")`);
	await page.click(`.yg-choices button[lang=${language}]`);
	const words = await page.textContent("nav");
	tell(words.includes(texts[language]["nav.policies"]), "the language changes without a reload", words);
	tell((await page.getAttribute("html", "lang")) === language, "and the page says which it is");
}

async function flow(language, id) {
	const t = texts[language];
	await addComputer(t);
	await page.keyboard.press("Escape");
	await page.waitForSelector("dialog", { state: "detached" });
	await detectionSeenLive(t, `live-${language}.com`);
	await scanAndCancel(t, id);
	await restoreFile(t, id, `live-${language}.com`);
	await overrideAndReset(t, id);
}

try {
	await page.waitForSelector("#user");
	const unsigned = await look(page, "sign-in-en-light", SHOTS);
	await signIn(page, USER_NAME, PASSWORD);
	tell(true, "the first password signs in");
	const command = await addComputer(texts.en);
	run(ACTIVATE, command);
	await page.waitForSelector(`dialog [role=status]:has-text("second")`);
	tell(true, "the dialog tells when the agent of the command has come");
	await page.keyboard.press("Escape");
	const link = await page.locator('[data-row]:has-text("first")').getAttribute("href");
	const id = Number(link.split("/").pop());
	await flow("en", id);
	await setLanguage("ja");
	await flow("ja", id);
	await backAndForward();
	await largeList(page, BASE_URL);
	await page.goto(at("/computers"));
	await tabs(page, BASE_URL, (name) => run(WRITE, `${PROTECTED}/${name}`));
	await page.goto(at("/events/antimalware"));
	await page.locator("[data-row]").first().click();
	const event = Number(new URL(page.url()).searchParams.get("open"));
	console.log(`# ${Math.round(performance.now() / 1000)} s for the flows`);
	await everyScreen(page, screens(id, event), SHOTS);
	console.log(`# ${Math.round(performance.now() / 1000)} s with all screens`);
	await page.reload();
	await page.waitForSelector("nav");
	tell(true, "a reload keeps the session");
	await page.keyboard.press("Escape");
	await page.locator(".yg-top .yg-menu-button").last().click();
	await page.click(`button:has-text("${texts.ja["app.signOut"]}")`);
	await page.waitForSelector("#user");
	tell(true, "signing out ends at the sign-in");
	unsigned.push(...(await look(page, "sign-in-ja-dark", SHOTS)));
	tell(unsigned.length === 0, "axe finds nothing on the sign-in", unsigned.join("; "));
	tell(refused.length === 0, "the content security policy refused nothing", refused[0]);
} catch (error) {
	tell(false, "the browser gets through", String(error).split("\n").slice(0, 3).join(" | "));
	if (SHOTS) await page.screenshot({ path: `${SHOTS}/failed.png` });
} finally {
	await browser.close();
}
process.exit(failures() ? 1 : 0);
