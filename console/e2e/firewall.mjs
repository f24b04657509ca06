// The Firewall as an administrator uses it: a rule written, refused, mended, copied, deleted; assigned in a policy and
// seen inherited; the simulator; what it does to a packet, seen live with its bytes; a deed from the event; a port scan.
import { tell } from "./tell.mjs";

const field = (page, name) => page.locator(`[data-field="${name}"]`);
const choose = (page, name, value) => field(page, name).locator("select").selectOption(value);
const main = (page, text) => page.locator(`main button:has-text("${text}")`);
const row = (page, text) => page.locator("main tbody tr").filter({ hasText: text });
const save = (page, t) => page.locator(`.yg-save button:has-text("${t["editor.save"]}")`);

async function saved(page, t) {
	await save(page, t).click();
	await save(page, t).waitFor({ state: "detached" });
}

export async function writeRule(page, at, t, name, port) {
	await page.goto(at("/objects/firewallrules"));
	await main(page, t["object.new"]).click();
	await field(page, "name").locator("input").fill(name);
	const before = await field(page, "destinationPortType").count();
	await choose(page, "protocol", "tcp");
	await choose(page, "destinationPortType", "multiple");
	tell(before === 0, "ports are asked for only once the protocol has some");
	await field(page, "destinationPortMultiple").locator("textarea").fill("70000");
	await main(page, t["policies.create"]).click();
	const wrong = field(page, "destinationPortMultiple").locator("[role=alert]");
	await wrong.waitFor();
	tell(
		(await wrong.textContent()).includes("70000"),
		"what the manager refuses is said at its field, in the reader's words",
	);
	await field(page, "destinationPortMultiple").locator("textarea").fill(`${port}\n2300-2310`);
	await field(page, "includePacketData").locator("input").check();
	await main(page, t["policies.create"]).click();
	await page.waitForURL(/firewallrules\/\d+$/);
	return Number(page.url().split("/").pop());
}

export async function copyAndDelete(page, at, t, id, name) {
	await page.goto(at(`/objects/firewallrules/${id}`));
	await main(page, t["object.duplicate"]).click();
	await page.waitForURL(/new\?from=/);
	const copy = t["object.copyName"].replace("{name}", name);
	await page.waitForFunction((n) => document.querySelector('[data-field="name"] input')?.value === n, copy);
	await main(page, t["policies.create"]).click();
	await page.waitForURL(/firewallrules\/\d+$/);
	await page.locator(`h1:has-text("${copy}")`).waitFor();
	await page.locator(`main button:not([disabled]):has-text("${t["computers.delete"]}")`).click();
	await page.locator(`dialog footer button:has-text("${t["computers.delete"]}")`).click();
	await page.waitForURL(/firewallrules$/);
	await row(page, name).first().waitFor();
	await row(page, copy).waitFor({ state: "detached" });
	tell(true, "a rule is copied, and the copy deleted");
}

export async function assignAndInherit(page, at, t, computer, name) {
	await page.goto(at("/policies/1/firewall"));
	const state = page.locator(".yg-row select").first();
	if ((await state.inputValue()) !== "on") {
		await state.selectOption("on");
		await saved(page, t);
	}
	await page.goto(at("/policies/1/firewall/rules?show=all"));
	await row(page, name).locator("input[type=checkbox]").check();
	await saved(page, t);
	await page.goto(at(`/computers/${computer}/firewall/rules`));
	const box = row(page, name).locator("input[type=checkbox]:checked:disabled");
	await box.waitFor();
	tell(
		(await box.getAttribute("title")).includes("Base Policy"),
		"a computer shows an inherited rule, and who can take it away",
	);
}

export async function inUse(page, at, t, id) {
	await page.goto(at(`/objects/firewallrules/${id}`));
	await page.locator(`main button:not([disabled]):has-text("${t["computers.delete"]}")`).click();
	const users = page.locator("dialog li a");
	await users.first().waitFor();
	tell((await users.allTextContents()).includes("Base Policy"), "a rule in use is not deleted: it says by whom");
	const buttons = await page.locator(`dialog footer button:has-text("${t["computers.delete"]}")`).count();
	tell(buttons === 0, "and offers no way to do it all the same");
	await page.keyboard.press("Escape");
}

export async function simulate(page, at, t, computer, name, port) {
	await page.goto(at(`/computers/${computer}/firewall/simulator`));
	await field(page, "sourceIP").locator("input").fill("nowhere");
	await field(page, "destinationIP").locator("input").fill("10.213.0.2");
	await field(page, "destinationPort").locator("input").fill(String(port));
	await main(page, t["simulator.ask"]).click();
	await field(page, "sourceIP").locator("[role=alert]").waitFor();
	await field(page, "sourceIP").locator("input").fill("10.213.0.1");
	await main(page, t["simulator.ask"]).click();
	const answer = page.locator("main [role=status] .yg-card");
	await answer.waitFor();
	const text = await answer.textContent();
	tell(
		text.includes(t["simulator.drop"]) && text.includes(name),
		"the simulator says what would happen and which rule decides",
		text,
	);
}

/** The packet is sent until the agent has the rule: policies take a while to arrive. */
export async function eventSeen(page, at, t, computer, name, hit) {
	await page.goto(at(`/computers/${computer}/firewall/events`));
	const fresh = page.locator(`button:has-text("${t["grid.fresh"].replace("{count} ", "").replace("{count}", "")}")`);
	const seen = row(page, name).first();
	const end = Date.now() + 60000;
	while (!(await seen.count()) && Date.now() < end) {
		hit();
		await page.waitForTimeout(500);
		if (await fresh.count()) await fresh.click();
		else if (!(await page.locator("main tbody tr").count())) await page.reload();
		await page.waitForSelector(".yg-grid, .pf-v6-c-empty-state");
	}
	await seen.waitFor();
	await seen.locator("[data-row]").click();
	const dump = page.locator(".yg-packet pre");
	await dump.waitFor();
	const bytes = await dump.textContent();
	tell(/45/.test(bytes), "a denied packet is seen with its bytes", bytes.slice(0, 60));
	const deed = page.locator(`.yg-panel button:has-text("${t["deed.logDisabled"]}"):not([disabled])`);
	await deed.click();
	const first = page.locator("dialog input[type=radio]").first();
	await first.waitFor();
	tell(await first.isChecked(), "a deed on the rule from its event reaches only the computer unless more is chosen");
	await page.locator(`dialog footer button:has-text("${t["deed.logDisabled"]}")`).click();
	await page.locator("dialog").waitFor({ state: "detached" });
	await page.goto(at(`/computers/${computer}/firewall/rules?show=customised`));
	await row(page, name).waitFor();
	tell(true, "and is listed among what is changed there");
	await row(page, name).locator(`button:has-text("${t["rules.changed"]}")`).click();
	await page.locator(`dialog footer button:has-text("${t["inherit.reset"]}")`).click();
	await page.locator("dialog").waitFor({ state: "detached" });
	await row(page, name).waitFor({ state: "detached" });
	tell(true, "and taken back there");
}

export async function scanPorts(page, at, t, computer) {
	await page.goto(at(`/computers/${computer}`));
	await page.fill("#port-scan-ports", "99999");
	await main(page, t["portScan.start"]).click();
	await page.locator("#port-scan-problem").waitFor();
	await page.fill("#port-scan-ports", "9-11");
	await main(page, t["portScan.start"]).click();
	const done = page.locator(".yg-past li").filter({ hasText: t["job.done"] }).first();
	await done.waitFor();
	tell(
		(await done.textContent()).includes(t["portScan.none"]),
		"a port scan tells what is open",
		await done.textContent(),
	);
}
