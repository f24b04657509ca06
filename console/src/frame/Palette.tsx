import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from "react";
import { useComputers, usePolicies } from "../api/queries";
import { folded } from "../grid/filter";
import { type Language, languages, useTranslation } from "../i18n";
import { go, href } from "../router/router";
import type { FrameProps } from "./Frame";
import { themes } from "./theme";

interface Command {
	id: string;
	group: string;
	text: string;
	act: () => void;
}

const SHOWN = 12;

function useCommands(props: FrameProps): Command[] {
	const { t } = useTranslation();
	const computers = useComputers().data;
	const policies = usePolicies().data;
	const { onTheme, onLanguage } = props;
	return useMemo(() => {
		const page = (text: string, to: string): Command => ({
			id: to,
			group: t("palette.pages"),
			text,
			act: () => go(to),
		});
		return [
			page(t("nav.dashboard"), href("dashboard", {})),
			page(t("nav.alerts"), href("alerts", {})),
			page(t("nav.computers"), href("computers", {})),
			page(t("admin.users"), href("objects", { kind: "administrators" })),
			page(t("admin.tasks"), href("objects", { kind: "scheduledtasks" })),
			page(t("admin.forwarding"), href("objects", { kind: "syslogconfigurations" })),
			page(t("admin.settings"), href("settings", { tab: "agents" })),
			page(t("nav.policies"), href("policies", {})),
			page(t("nav.antimalware"), href("events", { class: "antimalware" })),
			page(t("nav.firewall"), href("events", { class: "firewall" })),
			page(t("nav.objects"), href("objects", { kind: "firewallrules" })),
			page(t("nav.files"), href("events", { class: "identifiedfiles" })),
			page(t("nav.system"), href("events", { class: "system" })),
			page(t("computers.add"), href("computers", {}, { add: "1" })),
			...(computers ?? []).map((c) => ({
				id: `computer-${c.ID}`,
				group: t("palette.computer"),
				text: c.displayName || c.hostName,
				act: () => go(href("computer", { id: c.ID })),
			})),
			...(policies ?? []).map((p) => ({
				id: `policy-${p.ID}`,
				group: t("palette.policy"),
				text: p.name,
				act: () => go(href("policy", { id: p.ID })),
			})),
			...themes.map((x) => ({ id: `theme-${x}`, group: t("app.theme"), text: t(`theme.${x}`), act: () => onTheme(x) })),
			...(Object.keys(languages) as Language[]).map((l) => ({
				id: `language-${l}`,
				group: t("app.language"),
				text: languages[l],
				act: () => onLanguage(l),
			})),
		];
	}, [t, computers, policies, onTheme, onLanguage]);
}

/** Everything that can be gone to or done, by typing a part of its name. */
export default function Palette(props: FrameProps & { onClose: () => void }) {
	const { t } = useTranslation();
	const ref = useRef<HTMLDialogElement>(null);
	const [text, setText] = useState("");
	const [at, setAt] = useState(0);
	const commands = useCommands(props);
	const wanted = folded(text.trim()).split(/\s+/);
	const found = commands.filter((c) => wanted.every((w) => folded(`${c.group} ${c.text}`).includes(w))).slice(0, SHOWN);
	const here = Math.min(at, found.length - 1);

	useEffect(() => {
		if (ref.current && !ref.current.open) ref.current.showModal();
	}, []);

	function run(c: Command) {
		props.onClose();
		c.act();
	}
	function key(e: KeyboardEvent) {
		if (e.nativeEvent.isComposing || e.keyCode === 229) return;
		if (e.key === "ArrowDown" || e.key === "ArrowUp") {
			e.preventDefault();
			setAt((here + (e.key === "ArrowDown" ? 1 : found.length - 1)) % Math.max(1, found.length));
		} else if (e.key === "Enter" && found[here]) run(found[here]);
	}
	return (
		<dialog ref={ref} className="yg-dialog yg-palette" aria-label={t("palette.title")} onClose={props.onClose}>
			<input
				type="text"
				role="combobox"
				aria-expanded="true"
				aria-controls="palette-list"
				aria-activedescendant={found[here] ? `palette-${found[here].id}` : undefined}
				aria-label={t("palette.title")}
				placeholder={t("palette.title")}
				value={text}
				onChange={(e) => {
					setText(e.target.value);
					setAt(0);
				}}
				onKeyDown={key}
			/>
			<div id="palette-list" role="listbox" aria-label={t("palette.title")}>
				{found.map((c, i) => (
					<button
						key={c.id}
						id={`palette-${c.id}`}
						type="button"
						role="option"
						tabIndex={-1}
						aria-selected={i === here}
						onClick={() => run(c)}
					>
						<span>{c.text}</span>
						<span className="yg-note">{c.group}</span>
					</button>
				))}
			</div>
			{found.length === 0 && <p className="yg-note yg-palette-none">{t("grid.noneMatch")}</p>}
		</dialog>
	);
}
