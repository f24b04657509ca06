// Administration in a browser, in both languages: a user with a role that sees one group, an API key whose secret is
// shown once, a task that runs now, a setting, an alert that is dismissed; then every screen of it with axe. From the
// environment: BASE_URL USER_NAME PASSWORD, ALERT (a command that makes an alert appear), SHOTS.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { open, signIn } from "./browser.mjs";
import { everyScreen } from "./screens.mjs";
import { failures, tell } from "./tell.mjs";

const { BASE_URL, USER_NAME, PASSWORD, ALERT, SHOTS } = process.env;
const read = (file) => JSON.parse(readFileSync(new URL(`../i18n/${file}.json`, import.meta.url), "utf8"));
const texts = Object.fromEntries(
	["en", "ja"].map((l) => [l, { ...read(l), ...read(`network.${l}`), ...read(`admin.${l}`) }]),
);
const at = (path) => new URL(path, BASE_URL).href;

if (SHOTS) mkdirSync(SHOTS, { recursive: true });
const { browser, page } = await open(BASE_URL);
page.setDefaultTimeout(60000);
const refused = [];
page.on("console", (m) => m.text().includes("Content Security Policy") && refused.push(m.text()));

const field = (name) => `[data-field="${name}"]`;
const save = (t) => page.click(`.yg-save button:has-text("${t["policies.create"]}")`);
const stored = (kind) => page.waitForURL(new RegExp(`/objects/${kind}/\\d+$`));
/** As the console asks: with the cookie and the session's RID. */
const answer = (path) =>
	page.evaluate(async (p) => {
		const { RID } = await (await fetch("/api/sessions/current")).json();
		return (await fetch(`/api${p}`, { headers: { rID: RID } })).json();
	}, path);

async function roleAndUser(t, language) {
	await page.goto(at("/objects/roles/new"));
	await page.fill(`${field("name")} input`, `Watchers ${language}`);
	await page.click(`${field("computerIDs")} button:has-text("${t["refs.add"].replace("{name}", "").trim()}")`);
	await page.check("#right-canViewScheduledTasks");
	await save(t);
	await stored("roles");
	const role = (await answer("/roles")).roles.find((r) => r.name === `Watchers ${language}`);
	tell(
		role?.computerIDs.length === 1 &&
			!role.allComputers &&
			role.rights.platformRights.scheduledTaskRights.canViewScheduledTasks === true &&
			role.rights.platformRights.scheduledTaskRights.canDeleteScheduledTasks === false,
		"a role is made that sees one computer and has one right",
		JSON.stringify(role).slice(0, 300),
	);
	await page.goto(at("/objects/administrators/new"));
	await page.fill(`${field("username")} input`, `watcher-${language}`);
	await page.fill(`${field("password")} input`, `A long Passw0rd-${language}`);
	await page.selectOption(`${field("roleID")} select`, { label: `Watchers ${language}` });
	await save(t);
	await stored("administrators");
	const user = (await answer("/administrators")).administrators.find((u) => u.username === `watcher-${language}`);
	tell(user?.roleID === role.ID, "and a user who has it");
	await page.goto(at("/objects/roles"));
	await page.click(`a:has-text("Watchers ${language}")`);
	await page.click("main .yg-actions button.pf-m-danger:not([disabled])");
	tell(
		(await page.textContent("dialog")).includes(`watcher-${language}`),
		"a role that somebody has is not deleted: it is said who",
	);
	await page.keyboard.press("Escape");
}

async function apiKey(t, language) {
	await page.goto(at("/objects/apikeys/new"));
	await page.fill(`${field("keyName")} input`, `key ${language}`);
	await page.selectOption(`${field("roleID")} select`, "1");
	await save(t);
	const secret = await page.inputValue("dialog textarea");
	const seen = await page.evaluate(
		(s) => fetch("/api/computers", { headers: { "api-secret-key": s } }).then((r) => r.status),
		secret,
	);
	tell(seen === 200, "an API key's secret is shown once, and works", `${seen}`);
	await page.click(`dialog button:has-text("${t["secret.kept"]}")`);
	await stored("apikeys");
	await page.waitForSelector("dialog", { state: "detached" });
	tell(!(await page.content()).includes(secret), "and never again");
}

async function scheduledTask(t, language) {
	await page.goto(at("/objects/scheduledtasks/new"));
	await page.fill(`${field("name")} input`, `Nightly ${language}`);
	await page.selectOption(`${field("type")} select`, "send-policy");
	const when = page.locator(field("scheduleDetails"));
	await when.locator("select").first().selectOption("weekly");
	await when.locator(`label:has-text("${t["day.sunday"]}")`).click();
	await when.locator("select").last().selectOption("Asia/Tokyo");
	await save(t);
	await stored("scheduledtasks");
	const task = (await answer("/scheduledtasks")).scheduledTasks.find((x) => x.name === `Nightly ${language}`);
	tell(
		task?.scheduleDetails.timeZone === "Asia/Tokyo" &&
			task.scheduleDetails.weeklyScheduleParameters.days.join() === "monday,sunday",
		"a task is scheduled for two days of the week in a time zone",
		JSON.stringify(task?.scheduleDetails),
	);
	await page.waitForSelector("main ol li");
	tell((await page.locator("main ol.yg-plain li").count()) === 5, "its next five runs are shown");
	await page.click(`button:has-text("${t["task.runNow"]}")`);
	await page.waitForSelector(`.yg-table td:has-text("${t["runState.done"]}")`);
	tell(true, "it runs now, and says how it went");
}

async function setting(t) {
	await page.goto(at("/settings/security"));
	const length = page.locator(`.yg-field:has-text("${t["sys.length"]}") input`);
	const before = await length.inputValue();
	const next = String(Number(before) + 1);
	await length.fill(next);
	await page.click(`.yg-save button:has-text("${t["editor.save"]}")`);
	await page.waitForSelector(".yg-save", { state: "detached" });
	const value = (await answer("/systemsettings/platformSettingUserPasswordLengthMin")).value;
	tell(value === next, "a setting of the system is changed", value);
}

async function alert(t, language) {
	await page.goto(at("/alerts"));
	await page.waitForSelector(".yg-grid, .pf-v6-c-empty-state");
	execFileSync(ALERT, [language], { stdio: "ignore" });
	const row = page.locator("tbody tr").first();
	await row.waitFor();
	tell(true, "an alert appears without a reload");
	await row.locator(`button:has-text("${t["alert.dismiss"]}")`).click();
	await page.fill("dialog textarea", `looked at ${language}`);
	await page.click(`dialog footer button:has-text("${t["alert.dismiss"]}")`);
	await page.waitForSelector("dialog", { state: "detached" });
	await page.goto(at("/alerts?state=dismissed"));
	await page.waitForSelector(`tbody td:has-text("looked at ${language}")`);
	tell(true, "it is dismissed with a reason that others see");
}

async function dashboard(t) {
	await page.goto(at("/"));
	await page.waitForURL(/\/dashboard$/);
	await page.waitForSelector(".yg-chart rect");
	await page.click(`button:has-text("${t["dash.showTable"]}")`);
	const cells = await page.locator(".yg-scroll td").allTextContents();
	tell(
		cells.some((c) => Number(c.replace(/\D/g, "")) > 0),
		"the first page shows what happened, as a chart and as a table",
	);
}

await signIn(page, USER_NAME, PASSWORD);
for (const language of ["en", "ja"]) {
	const t = texts[language];
	await page.evaluate((l) => localStorage.setItem("language", l), language);
	await page.reload();
	console.log(`# ${language}`);
	await roleAndUser(t, language);
	await apiKey(t, language);
	await scheduledTask(t, language);
	await setting(t);
	await alert(t, language);
	await dashboard(t);
}
const kinds = ["administrators", "roles", "contacts", "apikeys", "identityproviders"];
const more = ["scheduledtasks", "eventbasedtasks", "syslogconfigurations", "webhooks"];
await everyScreen(
	page,
	[
		["dashboard", "/dashboard", (p) => p.waitForSelector(".yg-chart")],
		["alerts", "/alerts?state=all"],
		["alert-types", "/alerts/types"],
		[
			"alert-type",
			"/alerts/types?open=9",
			(p) => p.waitForSelector("dialog select"),
			(p) => p.keyboard.press("Escape"),
		],
		...[...kinds, ...more].flatMap((k) => [
			[k, `/objects/${k}`],
			[`${k}-new`, `/objects/${k}/new`, (p) => p.waitForSelector(".yg-form .yg-field")],
		]),
		["user", "/objects/administrators/1", (p) => p.waitForSelector(".yg-facts")],
		["task", "/objects/scheduledtasks/1", (p) => p.waitForSelector(".yg-table")],
		...["agents", "notifications", "forwarding", "security", "network"].map((x) => [`settings-${x}`, `/settings/${x}`]),
	],
	SHOTS,
);
tell(refused.length === 0, "the content security policy is never broken", refused.join("; "));
await browser.close();
process.exit(failures() ? 1 : 0);
