import { Button } from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call } from "../api/client";
import { useTranslation } from "../i18n";
import { type Level, modules } from "../inherit/chain";
import { FieldRow } from "../objects/Form";
import type { Draft, Field } from "../objects/fields";
import { isShown } from "../objects/fields";
import { overridable } from "../objects/intrusion";
import { type Item, kindOf } from "../objects/kinds";
import { Dialog } from "../ui/Dialog";
import { Problem } from "../ui/parts";
import { type NetworkModule, rulesOf } from "./here";

const firewallFields = ["logDisabled", "includePacketData", "alertEnabled", "scheduleID", "contextID"];

function fieldsOf(module: NetworkModule): Field[] {
	if (module === "ip") return overridable;
	const all = kindOf("firewallrules").groups.flatMap((g) => g.fields);
	return all.filter((f) => firewallFields.includes(f.name));
}

/** Properties of a rule that hold on one policy (and below it) or one computer only; says which before it is saved. */
export function Override(props: {
	module: NetworkModule;
	level: Level;
	affected: number;
	rule: Item;
	changed: boolean;
	onClose: () => void;
}) {
	const { t } = useTranslation();
	const client = useQueryClient();
	const { level, rule } = props;
	const path = `/${level.kind}/${level.id}/${modules[props.module].path}/rules/${rule.ID}`;
	const [draft, setDraft] = useState<Draft>({});
	const done = async () => {
		await Promise.all([
			client.invalidateQueries({ queryKey: [level.kind, level.id] }),
			client.invalidateQueries({ queryKey: ["objects", rulesOf[props.module]] }),
		]);
		props.onClose();
	};
	const save = useMutation({ mutationFn: () => call("POST", path, draft), onSuccess: done });
	const reset = useMutation({ mutationFn: () => call("DELETE", path), onSuccess: done });
	const value = { ...rule, ...draft };
	const shown = fieldsOf(props.module).filter((f) => isShown(f, value));
	const error = save.error ?? reset.error;
	return (
		<Dialog
			title={t("override.title", { name: rule.name })}
			onClose={props.onClose}
			footer={
				<>
					<Button isDisabled={Object.keys(draft).length === 0 || save.isPending} onClick={() => save.mutate()}>
						{t("editor.save")}
					</Button>
					{props.changed && (
						<Button variant="secondary" isDisabled={reset.isPending} onClick={() => reset.mutate()}>
							{t("inherit.reset")}
						</Button>
					)}
					<Button variant="link" onClick={props.onClose}>
						{t("common.cancel")}
					</Button>
				</>
			}
		>
			<p>
				{t(level.kind === "computers" ? "override.computer" : "override.policy", {
					name: level.name,
					count: props.affected,
				})}
			</p>
			{error && <Problem error={error} />}
			{shown.map((f) => (
				<FieldRow key={f.name} f={f} value={value[f.name]} onChange={(v) => setDraft((d) => ({ ...d, [f.name]: v }))} />
			))}
			{shown.length === 0 && <p className="yg-note">{t("override.nothing")}</p>}
		</Dialog>
	);
}
