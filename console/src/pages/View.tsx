import { lazy, useEffect } from "react";
import { useTranslation } from "../i18n";
import { adminKindNames, kindNames } from "../objects/names";
import { go, href, Link } from "../router/router";
import type { Place } from "../router/table";
import { Nothing, PageHead } from "../ui/parts";
import { Computers } from "./Computers";

const Dashboard = lazy(() => import("../admin/Dashboard"));
const Alerts = lazy(() => import("../admin/Alerts"));
const AlertTypes = lazy(() => import("../admin/Alerts").then((m) => ({ default: m.AlertTypes })));
const SystemSettings = lazy(() => import("../admin/SystemSettings"));

const Events = lazy(() => import("./Events"));
const Computer = lazy(() => import("./Computer"));
const Baseline = lazy(() => import("./Baseline"));
const Changes = lazy(() => import("./Changes"));
const ObjectList = lazy(() => import("../objects/List"));
const ObjectPage = lazy(() => import("../objects/Page"));
const Policies = lazy(() => import("./Policies"));
const Policy = lazy(() => import("./Policy"));

function Missing() {
	const { t } = useTranslation();
	return (
		<>
			<PageHead title={t("missing.title")} />
			<Nothing title={t("missing.text")} action={<Link to={href("computers", {})}>{t("nav.computers")}</Link>} />
		</>
	);
}

function Home() {
	useEffect(() => go(href("dashboard", {}), { replace: true }), []);
	return null;
}

const sections = ["", "anti-malware", "firewall", "intrusion-prevention", "log-inspection"];

function Objects(props: { kind?: string; id?: string }) {
	const kind = [...kindNames, ...adminKindNames].find((k) => k === props.kind);
	if (!kind) return <Missing />;
	return props.id === undefined ? (
		<ObjectList key={kind} name={kind} />
	) : (
		<ObjectPage key={`${kind}-${props.id}`} name={kind} id={props.id} />
	);
}

/** The page of a place. */
export function View(props: { place: Place | null }) {
	const { place } = props;
	if (!place) return window.location.pathname === "/" ? <Home /> : <Missing />;
	if (place.name === "objects" || place.name === "object") return <Objects {...place.params} />;
	if (place.name === "dashboard") return <Dashboard />;
	if (place.name === "alerts") return <Alerts />;
	if (place.name === "alertTypes") return <AlertTypes />;
	if (place.name === "settings") return <SystemSettings tab={place.params.tab} />;
	const id = Number(place.params.id);
	if (place.params.id !== undefined && !Number.isInteger(id)) return <Missing />;
	const section = { module: place.params.module ?? "", tab: place.params.tab ?? "" };
	const modules = place.name.startsWith("computer") ? [...sections, "system-events"] : sections;
	if (!modules.includes(section.module)) return <Missing />;
	if (place.name === "events") return <Events key={place.params.class} name={place.params.class} />;
	if (place.name === "changes") return <Changes />;
	if (place.name === "baseline") return <Baseline key={id} id={id} />;
	if (place.name === "computers") return <Computers />;
	if (place.name === "policies") return <Policies />;
	if (place.name.startsWith("computer")) return <Computer key={id} id={id} {...section} />;
	return <Policy key={id} id={id} {...section} />;
}
