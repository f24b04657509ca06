import { Button } from "@patternfly/react-core";
import { type ReactNode, useEffect, useId, useRef } from "react";
import { useTranslation } from "../i18n";
import { Icon } from "../ui/icons";

/** Details at the right of the page; the list stays where it is. Esc closes and gives the focus back. */
export function Panel(props: { title: string; onClose: () => void; children: ReactNode; className?: string }) {
	const { t } = useTranslation();
	const id = useId();
	const heading = useRef<HTMLHeadingElement>(null);
	const close = useRef(props.onClose);
	close.current = props.onClose;
	useEffect(() => {
		const before = document.activeElement as HTMLElement | null;
		heading.current?.focus();
		const key = (e: KeyboardEvent) => {
			if (e.key === "Escape" && !e.isComposing && !document.querySelector("dialog[open]")) close.current();
		};
		document.addEventListener("keydown", key);
		return () => {
			document.removeEventListener("keydown", key);
			if (before?.isConnected) before.focus();
		};
	}, []);
	return (
		<aside className={`yg-panel ${props.className ?? ""}`} aria-labelledby={id}>
			<header>
				<h2 id={id} ref={heading} tabIndex={-1}>
					{props.title}
				</h2>
				<Button variant="plain" aria-label={t("common.close")} onClick={props.onClose} icon={<Icon name="close" />} />
			</header>
			<section className="yg-panel-body" tabIndex={0} aria-label={props.title}>
				{props.children}
			</section>
		</aside>
	);
}
