// A headless Chromium (Debian's) for the tests; it reaches nothing but the manager.
import { chromium } from "playwright-core";

export async function open(base) {
	const browser = await chromium.launch({
		executablePath: "/usr/bin/chromium",
		args: [
			"--headless",
			"--no-sandbox",
			"--disable-gpu",
			"--disable-quic",
			"--no-first-run",
			"--disable-background-networking",
			"--disable-component-update",
			"--disable-sync",
		],
	});
	const context = await browser.newContext({
		ignoreHTTPSErrors: true,
		locale: "en-US",
		viewport: { width: 1400, height: 900 },
	});
	const page = await context.newPage();
	page.on("console", (m) => m.type() === "error" && console.error(`browser: ${m.text()}`));
	await page.goto(base);
	return { browser, page };
}

export async function signIn(page, user, password) {
	await page.fill("#user", user);
	await page.fill("#password", password);
	await page.click("button[type=submit]");
	await page.waitForSelector("nav");
}
