// Log Inspection in a browser, in both languages: its screens with axe, the tester, the files found, an event. From the
// environment: BASE_URL USER_NAME PASSWORD, FILE (that the agent follows), SHOTS.
import { mkdirSync } from "node:fs";
import { open, signIn } from "./browser.mjs";
import { everyScreen } from "./screens.mjs";
import { failures, tell } from "./tell.mjs";

const { BASE_URL, USER_NAME, PASSWORD, FILE, SHOTS } = process.env;
const at = (path) => new URL(path, BASE_URL).href;
const LINE = "Nov 29 10:00:00 h sshd[1]: Invalid user bob from 192.0.2.9";

async function ask(p) {
	await p.fill("main textarea", LINE);
	await p.click("main form button[type=submit]");
	await p.waitForSelector("[role=status] ol li");
}

const screens = [
	["logs-general", "/policies/1/log-inspection"],
	["logs-rules", "/policies/1/log-inspection/rules", (p) => p.waitForSelector("main tbody .yg-check")],
	["logs-tester", "/policies/1/log-inspection/tester", ask],
	["logs-decoders", "/policies/1/log-inspection/decoders", (p) => p.waitForSelector("main tbody td")],
	["logs-files", "/computers/1/log-inspection/files", (p) => p.waitForSelector("main tbody td")],
	["logs-events", "/events/loginspection", (p) => p.waitForSelector("main tbody td")],
];

if (SHOTS) mkdirSync(SHOTS, { recursive: true });
const { browser, page } = await open(BASE_URL);
page.setDefaultTimeout(60000);
try {
	await signIn(page, USER_NAME, PASSWORD);
	await page.goto(at("/policies/1/log-inspection/tester"));
	await ask(page);
	const answer = await page.textContent("[role=status]");
	tell(
		answer.includes("192.0.2.9") && answer.includes("200111"),
		"the console's tester tells fields, rule and path",
		answer.slice(0, 200),
	);
	await page.goto(at("/computers/1/log-inspection/files"));
	await page.waitForSelector(`main td:text-is("${FILE}")`);
	tell(true, "the console lists the files that the agent found");
	await page.goto(at("/events/loginspection?q=eve"));
	await page.waitForSelector("main tbody td:has-text('192.0.2.7')");
	tell(true, "and the events of log lines");
	await everyScreen(page, screens, SHOTS);
} catch (e) {
	tell(false, "Log Inspection can be worked with in the console", String(e).split("\n")[0]);
}
await browser.close();
process.exit(failures() ? 1 : 0);
