import { type ReactNode, useEffect, useRef, useState } from "react";

/** A button that opens something below it; Esc, a click elsewhere and leaving by keyboard close it. */
export function Menu(props: {
	label: string;
	icon?: ReactNode;
	text?: string;
	className?: string;
	children: (close: () => void) => ReactNode;
}) {
	const [open, setOpen] = useState(false);
	const box = useRef<HTMLDivElement>(null);
	const button = useRef<HTMLButtonElement>(null);
	useEffect(() => {
		if (!open) return;
		const outside = (e: Event) => !box.current?.contains(e.target as Node) && setOpen(false);
		const key = (e: KeyboardEvent) => {
			if (e.key !== "Escape") return;
			e.stopPropagation();
			setOpen(false);
			button.current?.focus();
		};
		document.addEventListener("pointerdown", outside);
		document.addEventListener("focusin", outside);
		document.addEventListener("keydown", key, true);
		return () => {
			document.removeEventListener("pointerdown", outside);
			document.removeEventListener("focusin", outside);
			document.removeEventListener("keydown", key, true);
		};
	}, [open]);
	return (
		<div className={`yg-menu ${props.className ?? ""}`} ref={box}>
			<button
				type="button"
				ref={button}
				className="yg-menu-button"
				aria-expanded={open}
				aria-label={props.label}
				title={props.label}
				onClick={() => setOpen(!open)}
			>
				{props.icon}
				{props.text && <span>{props.text}</span>}
			</button>
			{open && <div className="yg-menu-box">{props.children(() => setOpen(false))}</div>}
		</div>
	);
}
