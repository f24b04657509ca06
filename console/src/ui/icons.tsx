/** The console's own outline icons, 24 units square; they say nothing that words beside them do not say. */
const shapes = {
	dashboard: "M4 4h7v7H4z M13 4h7v4h-7z M13 11h7v9h-7z M4 14h7v6H4z",
	settings: "M4 7h9 M17 7h3 M15 5v4 M4 17h3 M11 17h9 M9 15v4 M4 12h5 M13 12h7 M11 10v4",
	computer: "M4 5h16v11H4z M9 20h6 M12 16v4",
	policy: "M6 3h9l4 4v14H6z M14 3v5h5 M9 13h6 M9 17h6",
	events: "M4 6h3 M10 6h10 M4 12h3 M10 12h10 M4 18h3 M10 18h10",
	shield: "M12 3l8 3v6c0 5-3.5 8-8 9-4.5-1-8-4-8-9V6z",
	firewall: "M4 5h16v14H4z M4 10h16 M4 14.5h16 M10 5v5 M15 10v4.5 M9 14.5V19",
	target: "M12 4a8 8 0 100 16 8 8 0 000-16z M12 9a3 3 0 100 6 3 3 0 000-6z M12 2v4 M12 18v4 M2 12h4 M18 12h4",
	objects: "M12 3l8 4-8 4-8-4z M4 12l8 4 8-4 M4 17l8 4 8-4",
	file: "M6 3h8l5 5v13H6z M14 3v5h5",
	system: "M12 8a4 4 0 100 8 4 4 0 000-8z M12 2v3 M12 19v3 M2 12h3 M19 12h3 M5 5l2 2 M17 17l2 2 M19 5l-2 2 M7 17l-2 2",
	jobs: "M6 5h12v16H6z M9 3h6v4H9z M9 12h6 M9 16h4",
	user: "M12 4a4 4 0 100 8 4 4 0 000-8z M4 21c0-4 3.6-6 8-6s8 2 8 6",
	theme: "M12 3a9 9 0 100 18z M12 3a9 9 0 010 18",
	language: "M12 3a9 9 0 100 18 9 9 0 000-18z M3 12h18 M12 3c3 3 3 15 0 18 M12 3c-3 3-3 15 0 18",
	search: "M10.5 4a6.5 6.5 0 100 13 6.5 6.5 0 000-13z M15.5 15.5L21 21",
	columns: "M4 5h16v14H4z M10 5v14 M15 5v14",
	close: "M6 6l12 12 M18 6L6 18",
	up: "M12 19V6 M6 11l6-6 6 6",
	down: "M12 5v13 M6 13l6 6 6-6",
	next: "M9 5l7 7-7 7",
	copy: "M9 9h11v11H9z M5 15H4V4h11v1",
	play: "M7 5l12 7-12 7z",
	override: "M4 20l4-1L19 8l-3-3L5 16z M14 7l3 3",
	warning: "M12 4l9 16H3z M12 10v4 M12 17v.5",
	error: "M8 3h8l5 5v8l-5 5H8l-5-5V8z M12 8v5 M12 16v.5",
	info: "M12 3a9 9 0 100 18 9 9 0 000-18z M12 11v6 M12 7v.5",
	ok: "M12 3a9 9 0 100 18 9 9 0 000-18z M8 12l3 3 5-6",
	off: "M12 3a9 9 0 100 18 9 9 0 000-18z M8 12h8",
} as const;

export type IconName = keyof typeof shapes;

export function Icon(props: { name: IconName; className?: string }) {
	return (
		<svg className={`yg-icon ${props.className ?? ""}`} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
			<path d={shapes[props.name]} />
		</svg>
	);
}
