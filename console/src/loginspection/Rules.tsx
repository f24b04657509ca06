import { useQuery } from "@tanstack/react-query";
import { call } from "../api/client";
import { useTranslation } from "../i18n";
import { assignedBy } from "../inherit/chain";
import { useEditor } from "../inherit/Editor";
import { Card, Problem, Waiting } from "../ui/parts";

interface LogRule {
	ID: number;
	name: string;
	description?: string;
	template: string;
	level: number;
	logFiles?: { logFiles?: { location: string; format: string }[] };
}

/** Rules of Log Inspection: which are assigned here, and which by a policy above (to be taken away there). */
export function LogRules() {
	const { t } = useTranslation();
	const editor = useEditor();
	const rules = useQuery({
		queryKey: ["objects", "loginspectionrules"],
		queryFn: () => call<{ logInspectionRules: LogRule[] }>("GET", "/loginspectionrules"),
	});
	if (rules.error && !rules.data) return <Problem error={rules.error} retry={rules.refetch} />;
	if (!rules.data) return <Waiting />;
	const own = (editor.levels[0].modules.li?.ruleIDs as number[] | undefined) ?? [];
	const by = assignedBy(editor.levels, "li");
	function assign(id: number, on: boolean) {
		const next = on ? [...own, id] : own.filter((x) => x !== id);
		editor.set("li.ruleIDs", next.length ? next : null);
	}
	return (
		<Card title={t("network.tab.rules")}>
			<p className="yg-note">{t("logs.rulesNote")}</p>
			<table className="yg-table">
				<thead>
					<tr>
						<th scope="col">{t("rules.assignedShort")}</th>
						<th scope="col">{t("object.name")}</th>
						<th scope="col">{t("logs.location")}</th>
						<th scope="col">{t("rules.by")}</th>
					</tr>
				</thead>
				<tbody>
					{rules.data.logInspectionRules.map((r) => {
						const level = by.get(r.ID);
						const inherited = level !== undefined && !own.includes(r.ID);
						return (
							<tr key={r.ID}>
								<td>
									<input
										type="checkbox"
										className="yg-check"
										checked={level !== undefined}
										disabled={inherited}
										title={inherited ? t("rules.takenAwayThere", { name: level.name }) : undefined}
										aria-label={t("rules.assignOne", { name: r.name })}
										onChange={(e) => assign(r.ID, e.target.checked)}
									/>
								</td>
								<td>{r.name}</td>
								<td>{(r.logFiles?.logFiles ?? []).map((f) => f.location).join(t("common.comma"))}</td>
								<td>{level ? (inherited ? level.name : t("inherit.addedHere")) : ""}</td>
							</tr>
						);
					})}
				</tbody>
			</table>
		</Card>
	);
}
