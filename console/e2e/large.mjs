// What a browser must stand: a list of ten thousand computers, several tabs at once.
import { tell } from "./tell.mjs";

const ROWS = 10000;

function fleet(one) {
	return Array.from({ length: ROWS }, (_x, i) => ({ ...one, ID: i + 1, displayName: `host${i + 1}` }));
}

/** The answer is made up here; everything else is the console's own. */
export async function largeList(page, base) {
	const list = (url) => url.pathname === "/api/computers";
	await page.route(list, async (route) => {
		const { computers } = await (await route.fetch()).json();
		await route.fulfill({ json: { computers: fleet(computers[0]) } });
	});
	await page.goto(new URL("/computers", base).href);
	await page.waitForSelector('[data-row]:has-text("host1")');
	const rows = () => page.locator("tbody tr").count();
	tell((await rows()) < 80, "a list of 10,000 computers draws few rows", await rows());
	await page.locator(".yg-grid").evaluate((e) => e.scrollTo(0, e.scrollHeight));
	await page.waitForSelector(`[data-row]:has-text("host${ROWS}")`);
	tell((await rows()) < 80, "at its end too", await rows());
	await page.click(".yg-sort >> nth=0");
	await page.locator(".yg-grid").evaluate((e) => e.scrollTo(0, 0));
	await page.waitForFunction((n) => document.querySelector("[data-row]")?.textContent === `host${n}`, ROWS);
	tell(true, "it is put in order by a click, numbers in names by their value");
	await page.fill("input[data-filter]", "host777 ");
	await page.waitForFunction(() => document.querySelectorAll("[data-row]").length === 11);
	tell(true, "and filtered");
	await page.unroute(list);
}

/** One stream a browser: the second tab hears through the first, and goes on when that one closes. */
export async function tabs(page, base, act) {
	const streams = [];
	const second = await page.context().newPage();
	second.on("request", (r) => r.url().includes("/api/stream") && streams.push(r.url()));
	await second.goto(new URL("/events/antimalware", base).href);
	await second.waitForSelector("[data-row]");
	const rows = await second.locator("[data-row]").count();
	act("tab-1.com");
	const fresh = second.locator(".yg-tools button.pf-m-secondary");
	await fresh.waitFor();
	tell(streams.length === 0, "a second tab is live without a stream of its own", streams.length);
	await page.goto("about:blank");
	for (let i = 0; i < 100 && streams.length === 0; i++) await second.waitForTimeout(100);
	tell(
		streams.length === 1 && streams[0].includes("lastEventID="),
		"it goes on with the stream when the first one closes",
		streams.length,
	);
	await fresh.click();
	act("tab-2.com");
	await fresh.waitFor();
	await fresh.click();
	await second.waitForFunction((n) => document.querySelectorAll("[data-row]").length >= n + 2, rows);
	tell(true, "and misses nothing");
	await second.close();
}
