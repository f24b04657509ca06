import { useMutation, useQueryClient } from "@tanstack/react-query";
import { lazy, type ReactNode, Suspense, useState } from "react";
import { Scan } from "../antimalware/Scan";
import { AntiMalwareSection } from "../antimalware/Section";
import { ApiError, call } from "../api/client";
import { keys, useAntiMalwareStatus, useComputer, usePolicies } from "../api/queries";
import type { Computer as Of } from "../api/types";
import { ComputerEvents } from "../events/ComputerEvents";
import { useTranslation } from "../i18n";
import { ComputerEditor } from "../inherit/Editor";
import { go, href, Link } from "../router/router";
import { Ask, type Question } from "../ui/Dialog";
import { Icon } from "../ui/icons";
import { Menu } from "../ui/Menu";
import { Card, Facts, Nothing, PageHead, Problem, Status, Tabs, Waiting } from "../ui/parts";
import { nameOf } from "./Computers";
import { logModule, moduleText, networkModules, shownModules } from "./modules";
import { PolicyChoice } from "./PolicyChoice";

const PortScan = lazy(() => import("../network/PortScan"));
const LogInspectionSection = lazy(() =>
	import("../loginspection/Section").then((m) => ({ default: m.LogInspectionSection })),
);
const NetworkSection = lazy(() => import("../network/Section").then((m) => ({ default: m.NetworkSection })));

const isManaged = (c: Of) => c.computerStatus.agentStatusMessages[0]?.startsWith("Managed") ?? false;

function Deeds(props: { computer: Of }) {
	const { t } = useTranslation();
	const client = useQueryClient();
	const [question, setQuestion] = useState<Question | null>(null);
	const { computer } = props;
	const name = nameOf(computer);
	const job = useMutation({ mutationFn: (what: string) => call("POST", `/computers/${computer.ID}/${what}`, {}) });
	const erase = useMutation({
		mutationFn: () => call("DELETE", `/computers/${computer.ID}`),
		onSuccess: () => {
			go(href("computers", {}));
			client.invalidateQueries({ queryKey: keys.computers, exact: true });
		},
	});
	const deactivate = {
		title: t("computers.deactivate"),
		text: t("computers.confirmDeactivate", { name }),
		yes: t("computers.deactivate"),
		danger: true,
		act: () => job.mutate("deactivate"),
	};
	const remove = {
		title: t("computers.delete"),
		text: t("computers.confirmDelete", { name }),
		yes: t("computers.delete"),
		danger: true,
		act: () => erase.mutate(),
	};
	const deeds: { text: string; danger?: boolean; act: () => void }[] = [
		{ text: t("baseline.title"), act: () => go(href("baseline", { id: computer.ID })) },
		...(isManaged(computer)
			? [
					{ text: t("computers.sendPolicy"), act: () => job.mutate("sendpolicy") },
					{ text: t("computers.integrityScan"), act: () => job.mutate("integrityscan") },
					{ text: t("computers.checkStatus"), act: () => job.mutate("checkstatus") },
					{ text: t("computers.deactivate"), act: () => setQuestion(deactivate) },
				]
			: []),
		{ text: t("computers.delete"), danger: true, act: () => setQuestion(remove) },
	];
	const error = job.error ?? erase.error;
	return (
		<>
			{error && <Problem error={error} />}
			<Menu
				label={t("common.actions")}
				text={t("common.actions")}
				icon={<Icon name="down" />}
				className="yg-menu-end yg-menu-framed"
			>
				{(close) => (
					<div className="yg-choices">
						{deeds.map((deed) => (
							<button
								key={deed.text}
								type="button"
								className={deed.danger ? "yg-danger" : undefined}
								onClick={() => {
									deed.act();
									close();
								}}
							>
								{deed.text}
							</button>
						))}
					</div>
				)}
			</Menu>
			{question && <Ask question={question} onClose={() => setQuestion(null)} />}
		</>
	);
}

function Overview(props: { computer: Of }) {
	const { t, time, word } = useTranslation();
	const { computer: c } = props;
	const addresses = (c.interfaces?.interfaces ?? []).flatMap((i) => i.IPs.map((ip) => `${ip} (${i.name})`));
	const status = c.computerStatus.agentStatusMessages.map((m) => word("status", m)).join(t("common.comma"));
	const am = c.antiMalware.moduleStatus;
	return (
		<div className="yg-cards">
			<div className="yg-stack">
				<Card title={t("computer.status")}>
					<Facts
						items={[
							[
								t("computers.status"),
								<Status key="s" state={c.computerStatus.agentStatus}>
									{status}
								</Status>,
							],
							[t("computers.seen"), time(c.lastAgentCommunication)],
							[t("computer.policySent"), time(c.lastSendPolicySuccess)],
							[t("computers.version"), c.agentVersion === "0.0.0.0" ? "" : c.agentVersion],
						]}
					/>
				</Card>
				<Card title={t("computer.policy")}>
					<PolicyChoice computer={c} />
				</Card>
				<Card title={t("computer.modules")}>
					<Facts
						items={[
							[
								t("modules.antimalware"),
								<span key="am" className="yg-module">
									<Status state={am?.agentStatus ?? ""}>{word("module", am?.agentStatusMessage ?? "")}</Status>
									<Link to={href("computerModule", { id: c.ID, module: "anti-malware" })}>{t("computer.open")}</Link>
								</span>,
							],
							...shownModules.map((m): [string, ReactNode] => [
								t(m.title),
								<span key={m.key} className="yg-module">
									<Status state={c[m.member]?.moduleStatus?.agentStatus ?? ""}>
										{moduleText(word, c[m.member]?.moduleStatus?.agentStatusMessage ?? "")}
									</Status>
									<Link to={href("computerModule", { id: c.ID, module: m.page })}>{t("computer.open")}</Link>
								</span>,
							]),
						]}
					/>
				</Card>
				<Suspense>
					<PortScan computer={c.ID} />
				</Suspense>
			</div>
			<Card title={t("computer.identity")}>
				<Facts
					items={[
						[t("computers.hostName"), c.hostName],
						[t("computers.name"), c.displayName],
						[t("common.description"), c.description],
						[t("computers.platform"), c.platform],
						[t("computer.addresses"), addresses.join(t("common.comma"))],
						[t("computers.address"), c.lastIPUsed],
						[t("computer.guid"), c.hostGUID && <code>{c.hostGUID}</code>],
					]}
				/>
			</Card>
		</div>
	);
}

/** What the agent says of the module, live. */
function ModuleState(props: { computer: Of }) {
	const { t, word, number, bytes } = useTranslation();
	const { computer: c } = props;
	const managed = isManaged(c);
	const answer = useAntiMalwareStatus(c.ID, managed);
	const s = answer.data;
	const am = c.antiMalware.moduleStatus;
	const engines = s?.signatures?.engines ?? [];
	return (
		<Card title={t("computer.moduleState")}>
			<Facts
				items={[
					[
						t("computers.status"),
						<Status key="s" state={am?.agentStatus ?? ""}>
							{word("module", am?.agentStatusMessage ?? "")}
						</Status>,
					],
					[t("computer.signatures"), s?.signatures?.signatures === undefined ? "" : number(s.signatures.signatures)],
					[
						t("computer.engines"),
						engines
							.map((e) => t("computer.engine", { name: e.name, version: e.version, count: number(e.signatures) }))
							.join(t("common.comma")),
					],
					[t("computer.fileSystems"), s?.fileSystems?.join(t("common.comma"))],
					[t("computer.scanned"), s?.scanned === undefined ? "" : number(s.scanned)],
					...(s?.quarantine?.files !== undefined
						? ([
								[
									t("computer.quarantine"),
									t("computer.quarantineIs", {
										count: number(s.quarantine.files),
										size: bytes(s.quarantine.bytes ?? 0),
									}),
								],
							] as [string, string][])
						: []),
					...(s?.signatures?.problems?.length
						? ([[t("computer.problems"), s.signatures.problems.join("; ")]] as [string, string][])
						: []),
				]}
			/>
		</Card>
	);
}

/** What the manager knows of a module on the computer. */
function NetworkState(props: { computer: Of; of: (typeof shownModules)[number] }) {
	const { t, word } = useTranslation();
	const status = props.computer[props.of.member]?.moduleStatus;
	return (
		<Card title={t("computer.moduleState")}>
			<Facts
				items={[
					[
						t("computers.status"),
						<Status key="s" state={status?.agentStatus ?? ""}>
							{moduleText(word, status?.agentStatusMessage ?? "")}
						</Status>,
					],
				]}
			/>
		</Card>
	);
}

export default function Computer(props: { id: number; module: string; tab: string }) {
	const { t } = useTranslation();
	const computer = useComputer(props.id);
	const policies = usePolicies();
	const c = computer.data;
	const trail = [{ text: t("nav.computers"), to: href("computers", {}) }];
	if (computer.error instanceof ApiError && computer.error.status === 404 && !c)
		return (
			<>
				<PageHead title={t("missing.title")} trail={trail} />
				<Nothing title={t("computer.gone")} />
			</>
		);
	if (computer.error && !c) return <Problem error={computer.error} retry={computer.refetch} />;
	if (!c) return <Waiting />;
	return (
		<>
			<PageHead title={nameOf(c)} trail={trail}>
				<Deeds computer={c} />
			</PageHead>
			<Tabs
				label={nameOf(c)}
				tabs={[
					{ to: href("computer", { id: c.ID }), text: t("computer.overview"), current: !props.module },
					{
						to: href("computerModule", { id: c.ID, module: "anti-malware" }),
						text: t("modules.antimalware"),
						current: props.module === "anti-malware",
					},
					...shownModules.map(({ page, title }) => ({
						to: href("computerModule", { id: c.ID, module: page }),
						text: t(title),
						current: props.module === page,
					})),
					{
						to: href("computerModule", { id: c.ID, module: "system-events" }),
						text: t("nav.system"),
						current: props.module === "system-events",
					},
				]}
			/>
			{policies.error && <Problem error={policies.error} retry={policies.refetch} />}
			{!props.module && <Overview computer={c} />}
			{props.module === "system-events" && <ComputerEvents name="system" computer={String(c.ID)} />}
			{props.module === "anti-malware" && (
				<ComputerEditor id={c.ID}>
					<AntiMalwareSection
						computer={c.ID}
						tab={props.tab}
						to={(tab) => href("computerTab", { id: c.ID, module: "anti-malware", tab })}
					>
						<div className="yg-cards">
							<ModuleState computer={c} />
							<Scan computer={c.ID} managed={isManaged(c)} />
						</div>
					</AntiMalwareSection>
				</ComputerEditor>
			)}
			{props.module === "log-inspection" && (
				<ComputerEditor id={c.ID}>
					<Suspense fallback={<Waiting />}>
						<LogInspectionSection of="computer" id={c.ID} tab={props.tab}>
							<NetworkState computer={c} of={logModule} />
						</LogInspectionSection>
					</Suspense>
				</ComputerEditor>
			)}
			{networkModules
				.filter((m) => m.page === props.module)
				.map((m) => (
					<ComputerEditor key={m.page} id={c.ID}>
						<Suspense fallback={<Waiting />}>
							<NetworkSection module={m.key} of="computer" id={c.ID} tab={props.tab}>
								<NetworkState computer={c} of={m} />
							</NetworkSection>
						</Suspense>
					</ComputerEditor>
				))}
		</>
	);
}
