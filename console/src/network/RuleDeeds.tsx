import { Button, Radio } from "@patternfly/react-core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call } from "../api/client";
import { useComputer, useComputers, usePolicies } from "../api/queries";
import { useTranslation } from "../i18n";
import { ancestors, type Level, modules, withDescendants } from "../inherit/chain";
import type { Item } from "../objects/kinds";
import { href, Link } from "../router/router";
import { Dialog } from "../ui/Dialog";
import { Problem } from "../ui/parts";
import { type NetworkModule, rulesOf } from "./here";
import "./words";

/** What can be done about a rule where it fired: a change of its properties, at the level that somebody chooses. */
interface Deed {
	name: "detectOnly" | "prevent" | "logDisabled" | "logEnabled";
	member: "detectOnly" | "logDisabled" | "eventLoggingDisabled";
	value: boolean;
}

const deeds: Record<NetworkModule, Deed[]> = {
	fw: [
		{ name: "logDisabled", member: "logDisabled", value: true },
		{ name: "logEnabled", member: "logDisabled", value: false },
	],
	ip: [
		{ name: "detectOnly", member: "detectOnly", value: true },
		{ name: "prevent", member: "detectOnly", value: false },
		{ name: "logDisabled", member: "eventLoggingDisabled", value: true },
		{ name: "logEnabled", member: "eventLoggingDisabled", value: false },
	],
};

type Scope = Pick<Level, "kind" | "id" | "name"> & { computers: number };

/** The computer itself first: what reaches further has to be chosen. */
function useScopes(computer: number): Scope[] {
	const c = useComputer(computer).data;
	const policies = usePolicies().data ?? [];
	const computers = useComputers().data ?? [];
	if (!c) return [];
	return [
		{ kind: "computers", id: c.ID, name: c.displayName || c.hostName, computers: 1 },
		...ancestors(policies, c.policyID).map((p): Scope => {
			const below = withDescendants(policies, p.ID);
			return {
				kind: "policies",
				id: p.ID,
				name: p.name,
				computers: computers.filter((x) => below.has(x.policyID ?? 0)).length,
			};
		}),
	];
}

function Confirm(props: {
	deed: Deed;
	module: NetworkModule;
	rule: number;
	name: string;
	scopes: Scope[];
	onClose: () => void;
}) {
	const { t } = useTranslation();
	const client = useQueryClient();
	const [at, setAt] = useState(0);
	const scope = props.scopes[at];
	const act = useMutation({
		mutationFn: () =>
			call("POST", `/${scope.kind}/${scope.id}/${modules[props.module].path}/rules/${props.rule}`, {
				[props.deed.member]: props.deed.value,
			}),
		onSuccess: async () => {
			await client.invalidateQueries({ queryKey: [scope.kind] });
			props.onClose();
		},
	});
	return (
		<Dialog
			title={t(`deed.${props.deed.name}`)}
			onClose={props.onClose}
			footer={
				<>
					<Button isDisabled={act.isPending} onClick={() => act.mutate()}>
						{t(`deed.${props.deed.name}`)}
					</Button>
					<Button variant="link" onClick={props.onClose}>
						{t("common.cancel")}
					</Button>
				</>
			}
		>
			<p>{props.name}</p>
			{act.error && <Problem error={act.error} />}
			<fieldset className="yg-field">
				<legend>{t("deed.where")}</legend>
				{props.scopes.map((s, i) => (
					<Radio
						key={`${s.kind}-${s.id}`}
						id={`scope-${s.kind}-${s.id}`}
						name="scope"
						isChecked={i === at}
						label={t(s.kind === "computers" ? "deed.onComputer" : "deed.onPolicy", { name: s.name })}
						description={s.kind === "policies" ? t("deed.reaches", { count: s.computers }) : undefined}
						onChange={() => setAt(i)}
					/>
				))}
			</fieldset>
		</Dialog>
	);
}

/** The rule behind an event, and what can be done about it from there. */
export default function RuleDeeds(props: { module: NetworkModule; rule: number; computer: number }) {
	const { t } = useTranslation();
	const { module, computer } = props;
	// As it is on that computer, so that only what would change something is offered.
	const rule = useQuery({
		queryKey: ["computers", computer, "rule", module, props.rule],
		queryFn: () => call<Item>("GET", `/computers/${computer}/${modules[module].path}/rules/${props.rule}`),
		retry: false,
	}).data;
	const scopes = useScopes(computer);
	const [deed, setDeed] = useState<Deed | null>(null);
	if (!rule) return null;
	return (
		<section className="yg-stack" aria-label={t("deed.title")}>
			<h3>{t("deed.title")}</h3>
			<p>
				<Link to={href("object", { kind: rulesOf[module], id: rule.ID })}>{rule.name}</Link>
			</p>
			<div className="yg-deeds">
				{deeds[module]
					.filter((d) => (rule[d.member] === true) !== d.value)
					.map((d) => (
						<Button
							key={d.name}
							size="sm"
							variant="secondary"
							isDisabled={scopes.length === 0}
							onClick={() => setDeed(d)}
						>
							{t(`deed.${d.name}`)}
						</Button>
					))}
			</div>
			{deed && scopes.length > 0 && (
				<Confirm
					deed={deed}
					module={module}
					rule={rule.ID}
					name={rule.name}
					scopes={scopes}
					onClose={() => setDeed(null)}
				/>
			)}
		</section>
	);
}
