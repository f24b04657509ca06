import { Alert } from "@patternfly/react-core";
import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { useComputers, useEventClasses, useJobs } from "../api/queries";
import { type Key, type Language, languages, useTranslation } from "../i18n";
import { isOpen } from "../live/fold";
import { useLive } from "../live/Live";
import { adminKinds, kindNames } from "../objects/names";
import { View } from "../pages/View";
import { href, Link, useLocation, usePlace } from "../router/router";
import type { Place } from "../router/table";
import { Icon, type IconName } from "../ui/icons";
import { Menu } from "../ui/Menu";
import { Waiting } from "../ui/parts";
import { isShown } from "./Jobs";
import { useShortcuts } from "./shortcuts";
import { Toasts } from "./Toasts";
import { type Theme, themes } from "./theme";

const JobDrawer = lazy(() => import("./JobDrawer"));
const Palette = lazy(() => import("./Palette"));

export interface FrameProps {
	user: string;
	theme: Theme;
	onTheme: (theme: Theme) => void;
	onLanguage: (language: Language) => void;
	onSignOut: () => void;
}

interface Item {
	label: Key;
	icon: IconName;
	to: string;
	here: (place: Place) => boolean;
	/** Not there where the manager does not know this class of events. */
	class?: string;
}

const isKind = (kinds: readonly string[]) => (p: Place) =>
	(p.name === "objects" || p.name === "object") && kinds.includes(p.params.kind);

const items: { group?: Key; items: Item[] }[] = [
	{
		items: [
			{
				label: "nav.dashboard",
				icon: "dashboard",
				to: href("dashboard", {}),
				here: (p) => p.name === "dashboard",
			},
			{ label: "nav.alerts", icon: "warning", to: href("alerts", {}), here: (p) => p.name.startsWith("alert") },
		],
	},
	{
		group: "nav.events",
		items: [
			{
				label: "modules.antimalware",
				icon: "shield",
				to: href("events", { class: "antimalware" }),
				here: (p) => p.params.class === "antimalware",
			},
			{
				label: "modules.firewall",
				icon: "firewall",
				to: href("events", { class: "firewall" }),
				here: (p) => p.params.class === "firewall",
			},
			{
				label: "modules.intrusionprevention",
				icon: "target",
				to: href("events", { class: "intrusionprevention" }),
				here: (p) => p.params.class === "intrusionprevention",
				class: "intrusionprevention",
			},
			{
				label: "nav.integritymonitoring",
				icon: "file",
				to: href("events", { class: "integritymonitoring" }),
				here: (p) => p.params.class === "integritymonitoring",
				class: "integritymonitoring",
			},
			{
				label: "nav.loginspection",
				icon: "file",
				to: href("events", { class: "loginspection" }),
				here: (p) => p.params.class === "loginspection",
				class: "loginspection",
			},
			{
				label: "nav.files",
				icon: "file",
				to: href("events", { class: "identifiedfiles" }),
				here: (p) => p.params.class === "identifiedfiles",
			},
			{
				label: "nav.system",
				icon: "system",
				to: href("events", { class: "system" }),
				here: (p) => p.params.class === "system",
			},
		],
	},
	{
		items: [
			{ label: "changes.title", icon: "file", to: href("changes", {}), here: (p) => p.name === "changes" },
			{
				label: "nav.computers",
				icon: "computer",
				to: href("computers", {}),
				here: (p) => p.name.startsWith("computer") || p.name === "baseline",
			},
			{ label: "nav.policies", icon: "policy", to: href("policies", {}), here: (p) => p.name.startsWith("polic") },
			{
				label: "nav.objects",
				icon: "objects",
				to: href("objects", { kind: "firewallrules" }),
				here: isKind(kindNames),
			},
		],
	},
	{
		group: "nav.administration",
		items: [
			{
				label: "admin.users",
				icon: "user",
				to: href("objects", { kind: "administrators" }),
				here: isKind(adminKinds.users),
			},
			{
				label: "admin.tasks",
				icon: "jobs",
				to: href("objects", { kind: "scheduledtasks" }),
				here: isKind(adminKinds.tasks),
			},
			{
				label: "admin.forwarding",
				icon: "next",
				to: href("objects", { kind: "syslogconfigurations" }),
				here: isKind(adminKinds.forwarding),
			},
			{
				label: "admin.settings",
				icon: "settings",
				to: href("settings", { tab: "agents" }),
				here: (p) => p.name === "settings",
			},
		],
	},
];

function Sidebar(props: { place: Place | null }) {
	const { t } = useTranslation();
	const known = useEventClasses().data?.map((c) => c.name) ?? [];
	return (
		<nav className="yg-nav" aria-label={t("nav.main")}>
			{items.map((part) => (
				<div key={part.items[0].to} className="yg-nav-part">
					{part.group && <p>{t(part.group)}</p>}
					<ul>
						{part.items
							.filter((item) => !item.class || known.includes(item.class))
							.map((item) => (
								<li key={item.to}>
									<Link to={item.to} current={props.place && item.here(props.place) ? "page" : undefined}>
										<Icon name={item.icon} />
										<span>{t(item.label)}</span>
									</Link>
								</li>
							))}
					</ul>
				</div>
			))}
		</nav>
	);
}

function Choices<T extends string>(props: {
	label: Key;
	choices: readonly T[];
	text: (choice: T) => string;
	lang?: boolean;
	value: T;
	onChange: (choice: T) => void;
	close: () => void;
}) {
	const { t } = useTranslation();
	return (
		<fieldset className="yg-choices">
			<legend>{t(props.label)}</legend>
			{props.choices.map((choice) => (
				<button
					key={choice}
					type="button"
					lang={props.lang ? choice : undefined}
					aria-pressed={choice === props.value}
					onClick={() => {
						props.onChange(choice);
						props.close();
					}}
				>
					{props.text(choice)}
				</button>
			))}
		</fieldset>
	);
}

function Masthead(props: FrameProps & { onJobs: () => void; jobsOpen: boolean; onPalette: () => void }) {
	const { t, language } = useTranslation();
	const running = (useJobs().data ?? []).filter((j) => isOpen(j) && isShown(j)).length;
	const count = useComputers().data?.length;
	return (
		<header className="yg-top">
			<Link to={href("dashboard", {})} className="yg-brand">
				{t("app.name")}
			</Link>
			<button type="button" className="yg-search" onClick={props.onPalette}>
				<Icon name="search" />
				<span>{t("palette.title")}</span>
				<kbd>Ctrl K</kbd>
			</button>
			<span className="yg-space" />
			<button
				type="button"
				className="yg-menu-button"
				aria-expanded={props.jobsOpen}
				aria-label={t("jobs.indicator", { count: running })}
				title={t("jobs.indicator", { count: running })}
				onClick={props.onJobs}
			>
				{running ? <span className="yg-busy" aria-hidden="true" /> : <Icon name="jobs" />}
				<span className="yg-badge" data-count={running}>
					{running}
				</span>
			</button>
			<Menu label={t("app.theme")} icon={<Icon name="theme" />} className="yg-menu-end">
				{(close) => (
					<Choices
						label="app.theme"
						choices={themes}
						text={(x) => t(`theme.${x}`)}
						value={props.theme}
						onChange={props.onTheme}
						close={close}
					/>
				)}
			</Menu>
			<Menu
				label={t("app.languageIs", { language: languages[language] })}
				icon={<Icon name="language" />}
				text={languages[language]}
				className="yg-menu-end"
			>
				{(close) => (
					<Choices
						label="app.language"
						choices={Object.keys(languages) as Language[]}
						text={(x) => languages[x]}
						lang
						value={language}
						onChange={props.onLanguage}
						close={close}
					/>
				)}
			</Menu>
			<Menu
				label={t("app.user", { user: props.user })}
				icon={<Icon name="user" />}
				text={props.user}
				className="yg-menu-end"
			>
				{() => (
					<div className="yg-choices">
						<p className="yg-note">{t("app.signedInAs", { user: props.user })}</p>
						{count !== undefined && <p className="yg-note">{t("app.computers", { count })}</p>}
						<button type="button" onClick={props.onSignOut}>
							{t("app.signOut")}
						</button>
					</div>
				)}
			</Menu>
		</header>
	);
}

/** A new view takes the focus to its heading, as a loaded page would; not the first one. */
function useArrival(path: string) {
	const first = useRef(true);
	// biome-ignore lint/correctness/useExhaustiveDependencies: runs when the path changes
	useEffect(() => {
		if (!first.current) document.querySelector<HTMLElement>("main h1")?.focus({ preventScroll: true });
		first.current = false;
	}, [path]);
}

export function Frame(props: FrameProps) {
	const { t, clock } = useTranslation();
	const place = usePlace();
	const { path } = useLocation();
	const { lost } = useLive();
	const [jobsOpen, setJobsOpen] = useState(() => window.localStorage.getItem("jobs") === "open");
	const [paletteOpen, setPaletteOpen] = useState(false);
	useArrival(path.split("/").slice(0, 3).join("/"));
	useShortcuts(() => setPaletteOpen(true));
	useEffect(() => window.localStorage.setItem("jobs", jobsOpen ? "open" : ""), [jobsOpen]);

	return (
		<div className="yg-app">
			<a className="yg-skip" href="#content">
				{t("app.skip")}
			</a>
			<Masthead
				{...props}
				jobsOpen={jobsOpen}
				onJobs={() => setJobsOpen(!jobsOpen)}
				onPalette={() => setPaletteOpen(true)}
			/>
			<Sidebar place={place} />
			<main id="content" tabIndex={-1}>
				{lost !== null && (
					<Alert component="p" variant="warning" isInline title={t("app.lost", { time: clock(lost) })} />
				)}
				<Suspense fallback={<Waiting />}>
					<View place={place} />
				</Suspense>
			</main>
			<Suspense>{jobsOpen && <JobDrawer onClose={() => setJobsOpen(false)} />}</Suspense>
			<Suspense>{paletteOpen && <Palette {...props} onClose={() => setPaletteOpen(false)} />}</Suspense>
			<Toasts />
		</div>
	);
}
