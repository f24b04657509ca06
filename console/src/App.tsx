import {
	Alert,
	Button,
	Masthead,
	MastheadBrand,
	MastheadContent,
	MastheadMain,
	Nav,
	NavItem,
	NavList,
	Page,
	PageSection,
	PageSidebar,
	PageSidebarBody,
	SkipToContent,
	Spinner,
	Toolbar,
	ToolbarContent,
	ToolbarItem,
} from "@patternfly/react-core";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { call, type Job, rememberRid, type SecurityEvent, type Session } from "./api";
import { firstLanguage, type Key, type Language, LanguageContext, useTranslation } from "./i18n";
import { Computers } from "./pages/Computers";
import { Events } from "./pages/Events";
import { Files } from "./pages/Files";
import { SignIn } from "./pages/SignIn";
import { type News, useStream } from "./stream";

const pages: { path: string; label: Key }[] = [
	{ path: "/computers", label: "nav.computers" },
	{ path: "/events/antimalware", label: "nav.antimalware" },
	{ path: "/events/identifiedfiles", label: "nav.files" },
	{ path: "/events/system", label: "nav.system" },
];

const KEPT = 1000;

function usePath(): [string, (path: string) => void] {
	const [path, setPath] = useState(window.location.pathname);
	useEffect(() => {
		const moved = () => setPath(window.location.pathname);
		window.addEventListener("popstate", moved);
		return () => window.removeEventListener("popstate", moved);
	}, []);
	return [
		pages.some((p) => p.path === path) ? path : "/computers",
		(to) => {
			window.history.pushState(null, "", to);
			setPath(to);
		},
	];
}

function Frame(props: { session: Session; onLanguage: () => void; onEnd: () => void }) {
	const { t } = useTranslation();
	const client = useQueryClient();
	const [path, go] = usePath();
	const [arrived, setArrived] = useState<(SecurityEvent & { class: string })[]>([]);
	const [jobs, setJobs] = useState<Job[]>([]);

	function onNews(news: News) {
		const object = news.data.object;
		if (news.event === "event" && object)
			setArrived((a) => [...a, { ...(object as SecurityEvent), class: news.data.class ?? "" }].slice(-KEPT));
		if (news.event === "job" && object)
			setJobs((j) => [...j.filter((x) => x.ID !== object.ID), object as unknown as Job].slice(-KEPT));
		if (news.event === "computer") client.invalidateQueries({ queryKey: ["computers"] });
		if (news.event === "identifiedfile") client.invalidateQueries({ queryKey: ["files"] });
		if (news.event === "resync") client.invalidateQueries();
	}

	const connected = useStream(onNews);
	const signOut = () => call("DELETE", "/sessions/current").finally(props.onEnd);
	const of = (name: string) => arrived.filter((e) => e.class === name);

	return (
		<Page
			mainContainerId="content"
			skipToContent={<SkipToContent href="#content">{t("app.skip")}</SkipToContent>}
			masthead={
				<Masthead>
					<MastheadMain>
						<MastheadBrand>{t("app.name")}</MastheadBrand>
					</MastheadMain>
					<MastheadContent>
						<Toolbar isStatic>
							<ToolbarContent>
								<ToolbarItem>{t("app.signedInAs", { user: props.session.userName })}</ToolbarItem>
								<ToolbarItem>
									<Button variant="plain" onClick={props.onLanguage}>
										{t("app.language")}
									</Button>
								</ToolbarItem>
								<ToolbarItem>
									<Button variant="secondary" onClick={signOut}>
										{t("app.signOut")}
									</Button>
								</ToolbarItem>
							</ToolbarContent>
						</Toolbar>
					</MastheadContent>
				</Masthead>
			}
			sidebar={
				<PageSidebar>
					<PageSidebarBody>
						<Nav aria-label={t("nav.main")}>
							<NavList>
								{pages.map((p) => (
									<NavItem
										key={p.path}
										to={p.path}
										isActive={p.path === path}
										onClick={(e) => {
											e.preventDefault();
											go(p.path);
										}}
									>
										{t(p.label)}
									</NavItem>
								))}
							</NavList>
						</Nav>
					</PageSidebarBody>
				</PageSidebar>
			}
		>
			<PageSection>
				{!connected && <Alert variant="warning" isInline title={t("app.lost")} />}
				{path === "/computers" && <Computers jobs={jobs} />}
				{path === "/events/antimalware" && <Events key="am" name="antimalware" arrived={of("antimalware")} />}
				{path === "/events/system" && <Events key="system" name="system" arrived={of("system")} />}
				{path === "/events/identifiedfiles" && <Files />}
			</PageSection>
		</Page>
	);
}

export function App() {
	const [language, setLanguage] = useState<Language>(() =>
		firstLanguage(window.localStorage.getItem("language"), navigator.languages),
	);
	const [session, setSession] = useState<Session | null | undefined>(undefined);

	useEffect(() => {
		document.documentElement.lang = language;
		window.localStorage.setItem("language", language);
	}, [language]);
	useEffect(() => {
		call<Session>("GET", "/sessions/current").then(
			(s) => {
				rememberRid(s.RID);
				setSession(s);
			},
			() => setSession(null),
		);
	}, []);

	const swap = () => setLanguage(language === "en" ? "ja" : "en");
	return (
		<LanguageContext.Provider value={language}>
			{session === undefined && <Spinner aria-label="Yagura" />}
			{session === null && <SignIn onSession={setSession} onLanguage={swap} />}
			{session && <Frame session={session} onLanguage={swap} onEnd={() => setSession(null)} />}
		</LanguageContext.Provider>
	);
}
