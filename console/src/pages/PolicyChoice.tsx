import { Button, FormSelect, FormSelectOption } from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call } from "../api/client";
import { keys, usePolicies } from "../api/queries";
import type { Computer } from "../api/types";
import { useTranslation } from "../i18n";
import { ancestors } from "../inherit/chain";
import { href, Link } from "../router/router";
import { Problem } from "../ui/parts";

/** Which policy a computer obeys; the change is made when it is said to, and sent at once. */
export function PolicyChoice(props: { computer: Computer }) {
	const { t } = useTranslation();
	const client = useQueryClient();
	const policies = usePolicies().data ?? [];
	const stored = String(props.computer.policyID ?? "");
	const [choice, setChoice] = useState<string | null>(null);
	const assign = useMutation({
		mutationFn: (policyID: number) => call("POST", `/computers/${props.computer.ID}`, { policyID }),
		onSuccess: () => setChoice(null),
		onSettled: () => client.invalidateQueries({ queryKey: keys.computers }),
	});
	const chain = ancestors(policies, props.computer.policyID).reverse();
	return (
		<>
			<div className="yg-add">
				<FormSelect
					aria-label={t("computers.policy")}
					value={choice ?? stored}
					onChange={(_e, v) => setChoice(v === stored ? null : v)}
				>
					{!stored && <FormSelectOption value="" label={t("computer.noPolicy")} />}
					{policies.map((p) => (
						<FormSelectOption key={p.ID} value={String(p.ID)} label={p.name} />
					))}
				</FormSelect>
				<Button
					variant="secondary"
					isDisabled={!choice || assign.isPending}
					onClick={() => assign.mutate(Number(choice))}
				>
					{t("computer.assign")}
				</Button>
			</div>
			{assign.error && <Problem error={assign.error} />}
			{chain.length > 0 && (
				<p className="yg-chain">
					{chain.map((p, i) => (
						<span key={p.ID}>
							{i > 0 && " › "}
							<Link to={href("policy", { id: p.ID })}>{p.name}</Link>
						</span>
					))}
				</p>
			)}
		</>
	);
}
