import { Button, Form, FormGroup, FormSelect, FormSelectOption, TextInput } from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, lazy, type ReactNode, Suspense, useState } from "react";
import { AntiMalwareSection } from "../antimalware/Section";
import { call } from "../api/client";
import { keys, useComputers, usePolicies } from "../api/queries";
import type { Policy as Of } from "../api/types";
import { useTranslation } from "../i18n";
import { withDescendants } from "../inherit/chain";
import { PolicyEditor } from "../inherit/Editor";
import { go, href, Link } from "../router/router";
import { Ask } from "../ui/Dialog";
import { Card, Facts, Nothing, PageHead, Problem, Status, Tabs, Waiting } from "../ui/parts";
import { nameOf } from "./Computers";
import { moduleText, networkModules, shownModules } from "./modules";

const LogInspectionSection = lazy(() =>
	import("../loginspection/Section").then((m) => ({ default: m.LogInspectionSection })),
);
const NetworkSection = lazy(() => import("../network/Section").then((m) => ({ default: m.NetworkSection })));

function Properties(props: { policy: Of; policies: Of[] }) {
	const { t } = useTranslation();
	const client = useQueryClient();
	const { policy, policies } = props;
	const [name, setName] = useState(policy.name);
	const [description, setDescription] = useState(policy.description);
	const [parent, setParent] = useState(String(policy.parentID ?? ""));
	const below = withDescendants(policies, policy.ID);
	const changed =
		name !== policy.name || description !== policy.description || parent !== String(policy.parentID ?? "");
	const save = useMutation({
		mutationFn: () =>
			call("POST", `/policies/${policy.ID}`, {
				name: name.trim(),
				description,
				...(parent ? { parentID: Number(parent) } : {}),
			}),
		onSettled: () => client.invalidateQueries({ queryKey: keys.policies }),
	});
	function submit(e: FormEvent) {
		e.preventDefault();
		save.mutate();
	}
	return (
		<Form onSubmit={submit}>
			{save.error && <Problem error={save.error} />}
			<FormGroup label={t("policies.name")} fieldId="policy-name" isRequired>
				<TextInput id="policy-name" value={name} isRequired onChange={(_e, v) => setName(v)} />
			</FormGroup>
			<FormGroup label={t("common.description")} fieldId="policy-description">
				<TextInput id="policy-description" value={description} onChange={(_e, v) => setDescription(v)} />
			</FormGroup>
			{policy.parentID && (
				<FormGroup label={t("policies.parent")} fieldId="policy-parent">
					<FormSelect id="policy-parent" value={parent} onChange={(_e, v) => setParent(v)}>
						{policies
							.filter((p) => !below.has(p.ID))
							.map((p) => (
								<FormSelectOption key={p.ID} value={String(p.ID)} label={p.name} />
							))}
					</FormSelect>
				</FormGroup>
			)}
			<div>
				<Button type="submit" variant="secondary" isDisabled={!changed || !name.trim() || save.isPending}>
					{t("editor.save")}
				</Button>
			</div>
		</Form>
	);
}

function Overview(props: { policy: Of; policies: Of[] }) {
	const { t, word } = useTranslation();
	const { policy, policies } = props;
	const computers = useComputers().data ?? [];
	const own = computers.filter((c) => c.policyID === policy.ID);
	const children = policies.filter((p) => p.parentID === policy.ID);
	const on = policy.antiMalware.state === "on";
	return (
		<div className="yg-cards">
			<Card title={t("policies.properties")}>
				<Properties
					key={JSON.stringify([policy.name, policy.description, policy.parentID])}
					policy={policy}
					policies={policies}
				/>
			</Card>
			<Card title={t("computer.modules")}>
				<Facts
					items={[
						[
							t("modules.antimalware"),
							<span key="am" className="yg-module">
								<Status state={on ? "active" : "inactive"}>{t(on ? "common.on" : "common.off")}</Status>
								<Link to={href("policyModule", { id: policy.ID, module: "anti-malware" })}>{t("computer.open")}</Link>
							</span>,
						],
						...shownModules.map((m): [string, ReactNode] => {
							const status = policy[m.member]?.moduleStatus;
							return [
								t(m.title),
								<span key={m.key} className="yg-module">
									<Status state={status?.status ?? ""}>{moduleText(word, status?.statusMessage ?? "")}</Status>
									<Link to={href("policyModule", { id: policy.ID, module: m.page })}>{t("computer.open")}</Link>
								</span>,
							];
						}),
					]}
				/>
			</Card>
			<Card title={t("policies.usedBy", { count: own.length })}>
				{own.length === 0 && <p className="yg-note">{t("policies.unused")}</p>}
				<ul className="yg-plain">
					{own.slice(0, 20).map((c) => (
						<li key={c.ID}>
							<Link to={href("computer", { id: c.ID })}>{nameOf(c)}</Link>
						</li>
					))}
				</ul>
				{own.length > 20 && (
					<Link to={href("computers", {}, { q: `policy:"${policy.name}"` })}>
						{t("policies.all", { count: own.length })}
					</Link>
				)}
			</Card>
			<Card title={t("policies.children")}>
				{children.length === 0 && <p className="yg-note">{t("policies.noChildren")}</p>}
				<ul className="yg-plain">
					{children.map((p) => (
						<li key={p.ID}>
							<Link to={href("policy", { id: p.ID })}>{p.name}</Link>
						</li>
					))}
				</ul>
			</Card>
		</div>
	);
}

function Delete(props: { policy: Of }) {
	const { t } = useTranslation();
	const client = useQueryClient();
	const [asking, setAsking] = useState(false);
	const erase = useMutation({
		mutationFn: () => call("DELETE", `/policies/${props.policy.ID}`),
		onSuccess: () => {
			go(href("policies", {}));
			client.invalidateQueries({ queryKey: keys.policies, exact: true });
		},
	});
	return (
		<>
			{erase.error && <Problem error={erase.error} />}
			<Button variant="secondary" isDanger onClick={() => setAsking(true)}>
				{t("computers.delete")}
			</Button>
			{asking && (
				<Ask
					question={{
						title: t("policies.delete"),
						text: t("policies.confirmDelete", { name: props.policy.name }),
						yes: t("computers.delete"),
						danger: true,
						act: () => erase.mutate(),
					}}
					onClose={() => setAsking(false)}
				/>
			)}
		</>
	);
}

export default function Policy(props: { id: number; module: string; tab: string }) {
	const { t } = useTranslation();
	const policies = usePolicies();
	const policy = policies.data?.find((p) => p.ID === props.id);
	const trail = [{ text: t("nav.policies"), to: href("policies", {}) }];
	if (policies.error && !policies.data) return <Problem error={policies.error} retry={policies.refetch} />;
	if (!policies.data) return <Waiting />;
	if (!policy)
		return (
			<>
				<PageHead title={t("missing.title")} trail={trail} />
				<Nothing title={t("policies.gone")} />
			</>
		);
	return (
		<>
			<PageHead title={policy.name} trail={trail}>
				{policy.parentID && <Delete policy={policy} />}
			</PageHead>
			<Tabs
				label={policy.name}
				tabs={[
					{ to: href("policy", { id: policy.ID }), text: t("computer.overview"), current: !props.module },
					{
						to: href("policyModule", { id: policy.ID, module: "anti-malware" }),
						text: t("modules.antimalware"),
						current: props.module === "anti-malware",
					},
					...shownModules.map(({ page, title }) => ({
						to: href("policyModule", { id: policy.ID, module: page }),
						text: t(title),
						current: props.module === page,
					})),
				]}
			/>
			{!props.module && <Overview policy={policy} policies={policies.data} />}
			{networkModules
				.filter((m) => m.page === props.module)
				.map((m) => (
					<PolicyEditor key={m.page} id={policy.ID}>
						<Suspense fallback={<Waiting />}>
							<NetworkSection module={m.key} of="policy" id={policy.ID} tab={props.tab} />
						</Suspense>
					</PolicyEditor>
				))}
			{props.module === "log-inspection" && (
				<PolicyEditor id={policy.ID}>
					<Suspense fallback={<Waiting />}>
						<LogInspectionSection of="policy" id={policy.ID} tab={props.tab} />
					</Suspense>
				</PolicyEditor>
			)}
			{props.module === "anti-malware" && (
				<PolicyEditor id={policy.ID}>
					<AntiMalwareSection
						tab={props.tab}
						to={(tab) => href("policyTab", { id: policy.ID, module: "anti-malware", tab })}
					/>
				</PolicyEditor>
			)}
		</>
	);
}
