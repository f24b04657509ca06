// Intrusion Prevention as an administrator uses it: rules after each template, assigned and overridden; a long list.
import { tell } from "./tell.mjs";

const field = (page, name) => page.locator(`[data-field="${name}"]`);
const row = (page, text) => page.locator("main tbody tr").filter({ hasText: text });
/** The row among hundreds: only those near the top of a list are drawn. */
async function find(page, text) {
	await page.locator("input[data-filter]").fill(text);
	return row(page, text);
}
const main = (page, text) => page.locator(`main button:has-text("${text}")`);

async function saved(page, t) {
	const button = page.locator(`.yg-save button:has-text("${t["editor.save"]}")`);
	await button.click();
	await button.waitFor({ state: "detached" });
}

async function fresh(page, at, name, template) {
	await page.goto(at("/objects/intrusionpreventionrules/new"));
	await field(page, "name").locator("input").fill(name);
	await field(page, "template").locator("select").selectOption(template);
}

async function create(page, t) {
	await main(page, t["policies.create"]).click();
	await page.waitForURL(/intrusionpreventionrules\/\d+$/);
	return Number(page.url().split("/").pop());
}

export async function templates(page, at, t, name) {
	await fresh(page, at, `${name} 1`, "signature");
	await field(page, "signature").locator("input").fill("/secret/door");
	await field(page, "CVE").locator("textarea").fill("CVE-2021-44228");
	const id = await create(page, t);
	await fresh(page, at, `${name} 2`, "start-end-patterns");
	tell((await field(page, "signature").count()) === 0, "each template has fields of its own");
	await field(page, "start").locator("input").fill("GET ");
	await field(page, "patterns").locator("textarea").fill("one\ntwo");
	await field(page, "end").locator("input").fill("HTTP");
	await create(page, t);
	await fresh(page, at, `${name} 3`, "custom");
	await field(page, "customXML")
		.locator("textarea")
		.fill(
			'alert tcp any any -> any 80 (msg:"door"; flow:established,to_server; content:"/secret/door"; sid:1000001; rev:1;)',
		);
	await create(page, t);
	tell(true, "rules are written after each of the three templates");
	return id;
}

export async function assignAndOverride(page, at, t, computer, name) {
	await page.goto(at(`/computers/${computer}/intrusion-prevention`));
	const state = page.locator(".yg-row select").first();
	if ((await state.inputValue()) !== "detect") {
		await state.selectOption("detect");
		await saved(page, t);
	}
	await page.goto(at(`/computers/${computer}/intrusion-prevention/rules?show=all`));
	await (await find(page, `${name} 1`)).locator("input[type=checkbox]").check();
	await saved(page, t);
	await page.goto(at(`/computers/${computer}/intrusion-prevention/rules`));
	await row(page, `${name} 1`).locator(`button:has-text("${t["rules.change"]}")`).click();
	const dialog = page.locator("dialog");
	await dialog.locator('[data-field="detectOnly"] input').check();
	await dialog.locator(`footer button:has-text("${t["editor.save"]}")`).click();
	await dialog.waitFor({ state: "detached" });
	await row(page, `${name} 1`).locator(`button:has-text("${t["rules.changed"]}")`).waitFor();
	const text = await row(page, `${name} 1`).textContent();
	tell(text.includes(t["ipsRule.modeDetect"]), "a rule is detect only on one computer", text);
	await page.goto(at("/objects/intrusionpreventionrules"));
	await (await find(page, `${name} 1`)).waitFor();
	const elsewhere = await row(page, `${name} 1`).textContent();
	tell(elsewhere.includes(t["ipsRule.modePolicy"]), "and as it was everywhere else", elsewhere);
}

/** A pcap file: one connection to port 80 that asks for a path. */
function captureOf(path) {
	const request = Buffer.from(`GET ${path} HTTP/1.1\r\nHost: www.example.org\r\n\r\n`);
	const packet = (client, flags, seq, ack, data = Buffer.alloc(0)) => {
		const b = Buffer.alloc(40);
		b.writeUInt16BE(0x4500, 0);
		b.writeUInt16BE(40 + data.length, 2);
		b.writeUInt16BE(0x4006, 8);
		b.set(client ? [192, 0, 2, 1, 192, 0, 2, 9] : [192, 0, 2, 9, 192, 0, 2, 1], 12);
		b.writeUInt16BE(client ? 40000 : 80, 20);
		b.writeUInt16BE(client ? 80 : 40000, 22);
		b.writeUInt32BE(seq, 24);
		b.writeUInt32BE(ack, 28);
		b.writeUInt16BE(0x5000 | flags, 32);
		b.writeUInt16BE(65535, 34);
		const head = Buffer.alloc(16);
		head.writeUInt32LE(1700000000, 0);
		head.writeUInt32LE(40 + data.length, 8);
		head.writeUInt32LE(40 + data.length, 12);
		return Buffer.concat([head, b, data]);
	};
	const file = Buffer.alloc(24);
	file.writeUInt32LE(0xa1b2c3d4, 0);
	file.writeUInt16LE(2, 4);
	file.writeUInt16LE(4, 6);
	file.writeUInt32LE(65535, 16);
	file.writeUInt32LE(101, 20); // raw IP
	return Buffer.concat([
		file,
		packet(true, 2, 100, 0),
		packet(false, 18, 500, 101),
		packet(true, 16, 101, 501),
		packet(true, 24, 101, 501, request),
	]);
}

export async function tryCapture(page, at, t, id, name) {
	await page.goto(at(`/objects/intrusionpreventionrules/${id}`));
	const file = page.locator("#capture-file");
	const ask = main(page, t["capture.try"]);
	await file.setInputFiles({
		name: "a.pcap",
		mimeType: "application/vnd.tcpdump.pcap",
		buffer: captureOf("/secret/door"),
	});
	await ask.click();
	const found = page.locator(".yg-capture tbody tr");
	await found.waitFor();
	const text = await found.textContent();
	tell(text.includes(`${name} 1`) && text.includes("192.0.2.9:80"), "a rule is tried on a capture and finds it", text);
	await file.setInputFiles({ name: "b.pcap", mimeType: "application/vnd.tcpdump.pcap", buffer: captureOf("/") });
	await ask.click();
	await page.getByText(t["capture.none"]).waitFor();
	tell((await found.count()) === 0, "and nothing in another one");
}

const MANY = 1500;

/** The answer is made up here; everything else is the console's own. */
export async function manyRules(page, at) {
	const list = (url) => url.pathname === "/api/intrusionpreventionrules";
	await page.route(list, async (route) => {
		const one = (await (await route.fetch()).json()).intrusionPreventionRules[0];
		const rules = Array.from({ length: MANY }, (_x, i) => ({ ...one, ID: i + 1000, name: `rule ${i + 1}` }));
		await route.fulfill({ json: { intrusionPreventionRules: rules } });
	});
	await page.goto(at("/policies/1/intrusion-prevention/rules?show=all"));
	await row(page, "rule 1").first().waitFor();
	const drawn = await page.locator("main tbody tr").count();
	tell(drawn < 80, `a list of ${MANY} rules draws few rows`, drawn);
	await page.locator(".yg-grid").evaluate((e) => e.scrollTo(0, e.scrollHeight));
	await row(page, `rule ${MANY}`).waitFor();
	await page.fill("input[data-filter]", "rule 1234");
	await page.waitForFunction(() => document.querySelectorAll("main tbody [data-row]").length === 1);
	tell(true, "and is filtered");
	await page.unroute(list);
}
