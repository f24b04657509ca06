import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useState } from "react";
import { call, onSessionEnd, rememberRid } from "./api/client";
import type { Session } from "./api/types";
import { Frame } from "./frame/Frame";
import { useTheme } from "./frame/theme";
import { firstLanguage, type Language, LanguageContext } from "./i18n";
import { LiveProvider } from "./live/Live";
import { SignIn } from "./pages/SignIn";
import { Waiting } from "./ui/parts";

export function App() {
	const client = useQueryClient();
	const [language, setLanguage] = useState<Language>(() =>
		firstLanguage(window.localStorage.getItem("language"), navigator.languages),
	);
	const [theme, setTheme] = useTheme();
	const [session, setSession] = useState<Session | null | undefined>(undefined);

	const end = useCallback(() => {
		rememberRid("");
		setSession(null);
		client.clear();
	}, [client]);
	useEffect(() => onSessionEnd(end), [end]);
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

	return (
		<LanguageContext.Provider value={language}>
			{session === undefined && <Waiting />}
			{session === null && <SignIn onSession={setSession} onLanguage={setLanguage} />}
			{session && (
				<LiveProvider>
					<Frame
						user={session.userName}
						theme={theme}
						onTheme={setTheme}
						onLanguage={setLanguage}
						onSignOut={() => call("DELETE", "/sessions/current").finally(end)}
					/>
				</LiveProvider>
			)}
		</LanguageContext.Provider>
	);
}
