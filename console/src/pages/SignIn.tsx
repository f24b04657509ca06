import { Alert, Button, Card, CardBody, CardTitle, Form, FormGroup, TextInput } from "@patternfly/react-core";
import { type FormEvent, useEffect, useState } from "react";
import { ApiError, call, rememberRid } from "../api/client";
import type { Session } from "../api/types";
import { type Key, type Language, languages, useTranslation } from "../i18n";

const reasons: Record<string, Key> = {
	"sign-in-failed": "signIn.failed",
	"locked-out": "signIn.locked",
	"password-expired": "signIn.expired",
	"too-many-sessions": "signIn.sessions",
	"too-many-requests": "error.too-many-requests",
};

type Provider = { name: string; ID: number };

/** Buttons that lead to the identity providers which this manager knows. */
function Providers() {
	const { t } = useTranslation();
	const [list, setList] = useState<Provider[]>([]);
	useEffect(() => {
		call<{ identityProviders: Provider[] }>("GET", "/sessions/oidc").then(
			(o) => setList(o.identityProviders),
			() => setList([]),
		);
	}, []);
	return list.map((p) => (
		<Button key={p.ID} variant="secondary" component="a" href={`/api/sessions/oidc/${p.ID}`}>
			{t("signIn.by", { name: p.name })}
		</Button>
	));
}

/** The provider's way back says that it failed, and no more. */
const cameBackRefused = () => new URLSearchParams(window.location.search).has("signInError");

export function SignIn(props: { onSession: (s: Session) => void; onLanguage: (language: Language) => void }) {
	const { t, language } = useTranslation();
	const other = language === "en" ? "ja" : "en";
	const [user, setUser] = useState("");
	const [password, setPassword] = useState("");
	const [code, setCode] = useState<string | null>(null);
	const [failed, setFailed] = useState<string | null>(cameBackRefused() ? t("signIn.provider") : null);
	const [busy, setBusy] = useState(false);

	async function submit(e: FormEvent) {
		e.preventDefault();
		setBusy(true);
		setFailed(null);
		try {
			const { RID } = await call<{ RID: string }>("POST", "/sessions", {
				userName: user,
				password,
				...(code === null ? {} : { totp: code.trim() }),
			});
			rememberRid(RID);
			props.onSession({ userName: user, RID });
		} catch (error) {
			const why = error instanceof ApiError ? error.code : "";
			const known = reasons[why];
			if (why === "totp-required") setCode("");
			else setFailed(known ? t(known) : t("common.error", { message: String((error as Error).message) }));
			setBusy(false);
		}
	}

	return (
		<main className="yg-sign-in">
			<Card>
				<CardTitle>
					<h1>
						{t("app.name")} – {t("signIn.title")}
					</h1>
				</CardTitle>
				<CardBody>
					<Form onSubmit={submit}>
						{failed && <Alert variant="danger" isInline title={failed} />}
						<FormGroup label={t("signIn.user")} fieldId="user" isRequired>
							<TextInput id="user" autoComplete="username" value={user} isRequired onChange={(_e, v) => setUser(v)} />
						</FormGroup>
						<FormGroup label={t("signIn.password")} fieldId="password" isRequired>
							<TextInput
								id="password"
								type="password"
								autoComplete="current-password"
								value={password}
								isRequired
								onChange={(_e, v) => setPassword(v)}
							/>
						</FormGroup>
						{code !== null && (
							<FormGroup label={t("signIn.code")} fieldId="code" isRequired>
								<TextInput
									id="code"
									inputMode="numeric"
									autoComplete="one-time-code"
									placeholder={t("signIn.codeNote")}
									value={code}
									isRequired
									autoFocus
									onChange={(_e, v) => setCode(v)}
								/>
							</FormGroup>
						)}
						<Button type="submit" isDisabled={busy || !user || !password}>
							{t("signIn.title")}
						</Button>
						<Providers />
						<Button variant="link" lang={other} onClick={() => props.onLanguage(other)}>
							{languages[other]}
						</Button>
					</Form>
				</CardBody>
			</Card>
		</main>
	);
}
