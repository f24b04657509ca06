// Signs in, waits for an event to appear live, and runs axe on every screen in both languages. From the environment:
// BASE_URL USER_NAME PASSWORD, EXPECT_FILE (the name that the event must show), WRITE (a command that makes it) and
// SHOTS (a folder for screenshots).
import { execSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { open, signIn } from "./browser.mjs";

const { BASE_URL, USER_NAME, PASSWORD, EXPECT_FILE, WRITE, SHOTS } = process.env;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
let failed = 0;

function tell(ok, sentence, why) {
	console.log(ok ? `ok ${sentence}` : `not ok ${sentence}: ${why}`);
	if (!ok) failed++;
}

/** By the debugger, so that the page's content security policy stays in force. */
async function violations(page) {
	const session = await page.context().newCDPSession(page);
	await session.send("Runtime.evaluate", { expression: axe });
	const { result } = await session.send("Runtime.evaluate", {
		expression:
			"axe.run().then(r => JSON.stringify(r.violations.map(v => v.id + ': ' + v.nodes[0].html.slice(0, 120))))",
		awaitPromise: true,
	});
	return JSON.parse(result.value);
}

async function look(page, name) {
	await page.waitForTimeout(400);
	if (SHOTS) await page.screenshot({ path: `${SHOTS}/${name}.png` });
	const found = await violations(page);
	tell(found.length === 0, `axe finds nothing on ${name}`, found.join("; "));
}

if (SHOTS) mkdirSync(SHOTS, { recursive: true });
const { browser, page } = await open(BASE_URL);
page.setDefaultTimeout(15000);
try {
	await page.waitForSelector("#user");
	await look(page, "sign-in-en");
	await signIn(page, USER_NAME, PASSWORD);
	tell(true, "the first password signs in");
	await page.click('a[href="/events/antimalware"]');
	await page.waitForSelector("h1:has-text('Anti-Malware events')");
	await page.waitForTimeout(500);
	const start = Date.now();
	execSync(WRITE, { stdio: "ignore" });
	await page.click("button:has-text('1 new')");
	await page.waitForSelector(`text=${EXPECT_FILE}`);
	tell(true, "a detection appears without a reload");
	console.log(`# ${Date.now() - start} ms from writing the file to seeing it`);
	for (const language of ["en", "ja"]) {
		if (language === "ja") await page.click("button:has-text('日本語')");
		for (const path of ["/computers", "/events/antimalware", "/events/identifiedfiles", "/events/system"]) {
			await page.click(`a[href="${path}"]`);
			await look(page, `${path.split("/").pop()}-${language}`);
		}
	}
	const words = await page.textContent("nav");
	tell(words.includes("コンピュータ"), "the language changes without a reload", words);
	tell((await page.getAttribute("html", "lang")) === "ja", "and the page says which it is", "lang is another");
	await page.click('a[href="/computers"]');
	await page.click("button:has-text('コンピュータの追加')");
	await page.waitForSelector("input[value*='dsa_control -a dsm://']");
	await look(page, "add-ja");
	await page.keyboard.press("Escape");
	await page.reload();
	await page.waitForSelector("nav");
	tell(true, "a reload keeps the session");
	await page.click("button:has-text('サインアウト')");
	await page.waitForSelector("#user");
	await look(page, "sign-in-ja");
} catch (error) {
	tell(false, "the browser gets through", String(error).split("\n")[0]);
	if (SHOTS) await page.screenshot({ path: `${SHOTS}/failed.png` });
} finally {
	await browser.close();
}
process.exit(failed ? 1 : 0);
