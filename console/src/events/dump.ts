/** A line of a dump: where it begins, its bytes in hexadecimal, and as text where they are printable ASCII. */
export interface DumpLine {
	offset: string;
	bytes: { hex: string; text: string }[];
}

export const PER_LINE = 16;

export function bytesOf(base64: string): Uint8Array {
	try {
		return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
	} catch {
		return new Uint8Array();
	}
}

export function dumpOf(data: Uint8Array): DumpLine[] {
	const lines: DumpLine[] = [];
	for (let at = 0; at < data.length; at += PER_LINE)
		lines.push({
			offset: at.toString(16).padStart(4, "0"),
			bytes: [...data.subarray(at, at + PER_LINE)].map((b) => ({
				hex: b.toString(16).padStart(2, "0"),
				text: b >= 0x20 && b < 0x7f ? String.fromCharCode(b) : ".",
			})),
		});
	return lines;
}

/** As a text to be copied: offset, bytes, characters. */
export const dumpText = (lines: readonly DumpLine[]) =>
	lines
		.map((l) => {
			const hex = l.bytes.map((b) => b.hex).join(" ");
			return `${l.offset}  ${hex.padEnd(PER_LINE * 3 - 1)}  ${l.bytes.map((b) => b.text).join("")}`;
		})
		.join("\n");
