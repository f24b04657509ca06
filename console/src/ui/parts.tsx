import {
	Alert,
	Button,
	EmptyState,
	EmptyStateActions,
	EmptyStateBody,
	EmptyStateFooter,
	Spinner,
} from "@patternfly/react-core";
import { Fragment, type ReactNode, useEffect, useRef, useState } from "react";
import { ApiError } from "../api/client";
import { type Key, useTranslation } from "../i18n";
import { Link } from "../router/router";
import { Icon, type IconName } from "./icons";

/** Shown only when it takes long enough to be noticed. */
export function Waiting() {
	const { t } = useTranslation();
	return (
		<div className="yg-waiting">
			<Spinner size="lg" aria-label={t("common.loading")} />
		</div>
	);
}

export function useProblemText() {
	const { t, known } = useTranslation();
	return (error: Error) => {
		const code = error instanceof ApiError ? error.code : "";
		return known(`error.${code}`) ? t(`error.${code}` as Key) : t("common.error", { message: error.message });
	};
}

export function Problem(props: { error: Error; retry?: () => void }) {
	const { t } = useTranslation();
	const text = useProblemText();
	return (
		<Alert
			component="p"
			variant="danger"
			isInline
			title={text(props.error)}
			actionLinks={
				props.retry && (
					<Button variant="link" isInline onClick={props.retry}>
						{t("common.retry")}
					</Button>
				)
			}
		/>
	);
}

export function Nothing(props: { title: string; children?: ReactNode; action?: ReactNode; icon?: IconName }) {
	return (
		<EmptyState headingLevel="h2" titleText={props.title} variant="sm">
			{props.children && <EmptyStateBody>{props.children}</EmptyStateBody>}
			{props.action && (
				<EmptyStateFooter>
					<EmptyStateActions>{props.action}</EmptyStateActions>
				</EmptyStateFooter>
			)}
		</EmptyState>
	);
}

/** The trail, the page's only h1 and what can be done on it. */
export function PageHead(props: { title: string; trail?: { text: string; to: string }[]; children?: ReactNode }) {
	const { t } = useTranslation();
	useEffect(() => {
		document.title = `${props.title} · Yagura`;
	}, [props.title]);
	return (
		<div className="yg-head">
			{props.trail && (
				<nav aria-label={t("app.trail")} className="yg-trail">
					{props.trail.map((step) => (
						<Fragment key={step.to}>
							<Link to={step.to}>{step.text}</Link>
							<Icon name="next" />
						</Fragment>
					))}
				</nav>
			)}
			<div className="yg-title">
				<h1 tabIndex={-1}>{props.title}</h1>
				<div className="yg-actions">{props.children}</div>
			</div>
		</div>
	);
}

export function Tabs(props: {
	label: string;
	tabs: { to: string; text: string; current: boolean }[];
	small?: boolean;
}) {
	return (
		<nav aria-label={props.label} className={`yg-tabs ${props.small ? "yg-tabs-small" : ""}`}>
			{props.tabs.map((tab) => (
				<Link key={tab.to} to={tab.to} current={tab.current ? "page" : undefined}>
					{tab.text}
				</Link>
			))}
		</nav>
	);
}

export function Facts(props: { items: [string, ReactNode][] }) {
	return (
		<dl className="yg-facts">
			{props.items.map(([name, value]) => (
				<div key={name}>
					<dt>{name}</dt>
					<dd>{value === "" || value === undefined || value === null ? "–" : value}</dd>
				</div>
			))}
		</dl>
	);
}

export function Card(props: { title: string; children: ReactNode; actions?: ReactNode; className?: string }) {
	return (
		<section className={`yg-card ${props.className ?? ""}`}>
			<header>
				<h2>{props.title}</h2>
				{props.actions}
			</header>
			{props.children}
		</section>
	);
}

const stateIcons = { active: "ok", warning: "warning", error: "error", inactive: "off" } as const;

/** A state by shape and word; the colour only repeats it. */
export function Status(props: { state: string; children: ReactNode }) {
	const state = props.state in stateIcons ? (props.state as keyof typeof stateIcons) : "inactive";
	return (
		<span className={`yg-status yg-status-${state}`}>
			<Icon name={stateIcons[state]} />
			<span>{props.children}</span>
		</span>
	);
}

/** A text to be copied whole. */
export function Copy(props: { text: string; label: string; rows?: number }) {
	const { t } = useTranslation();
	const [copied, setCopied] = useState(false);
	const field = useRef<HTMLTextAreaElement>(null);
	async function copy() {
		field.current?.select();
		try {
			await navigator.clipboard.writeText(props.text);
			setCopied(true);
		} catch {
			setCopied(document.execCommand("copy"));
		}
	}
	return (
		<div className="yg-copy">
			<textarea
				ref={field}
				readOnly
				rows={props.rows ?? 4}
				value={props.text}
				aria-label={props.label}
				spellCheck={false}
			/>
			<Button variant="secondary" onClick={copy} icon={<Icon name="copy" />}>
				{copied ? t("common.copied") : t("common.copy")}
			</Button>
			<span role="status" className="yg-hidden">
				{copied ? t("common.copied") : ""}
			</span>
		</div>
	);
}
