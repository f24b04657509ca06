/** "2026-03-29T02:30" as a clock on the wall of a time zone shows it, and the time that it means. */

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
	const known = formats.get(zone);
	if (known) return known;
	const format = new Intl.DateTimeFormat("en-US", {
		timeZone: zone,
		hourCycle: "h23",
		year: "numeric",
		month: "2-digit",
		day: "2-digit",
		hour: "2-digit",
		minute: "2-digit",
	});
	formats.set(zone, format);
	return format;
}

function shown(zone: string, ms: number): number[] {
	const parts = formatOf(zone).formatToParts(ms);
	const get = (type: string) => Number(parts.find((p) => p.type === type)?.value ?? 0);
	return [get("year"), get("month"), get("day"), get("hour"), get("minute")];
}

/** What the clock shows, for a field of type datetime-local. */
export function wallOf(zone: string, ms: number): string {
	const [y, mo, d, h, mi] = shown(zone, ms);
	const two = (n: number) => String(n).padStart(2, "0");
	return `${String(y).padStart(4, "0")}-${two(mo)}-${two(d)}T${two(h)}:${two(mi)}`;
}

/** When the clock shows that; the earlier of two times, and what it would have been where an hour is skipped. */
export function timeAt(zone: string, wall: string): number | null {
	const m = wall.match(/^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)/);
	if (!m) return null;
	const [y, mo, d, h, mi] = m.slice(1).map(Number);
	const asUtc = Date.UTC(y, mo - 1, d, h, mi);
	const offset = (ms: number) => {
		const [a, b, c, e, f] = shown(zone, ms);
		return Date.UTC(a, b - 1, c, e, f) - Math.floor(ms / 60000) * 60000;
	};
	const before = asUtc - offset(asUtc - 24 * 3600000);
	const after = asUtc - offset(asUtc + 24 * 3600000);
	const fits = [before, after].filter((ms) => wallOf(zone, ms) === wall.slice(0, 16));
	return fits.length ? Math.min(...fits) : before;
}
