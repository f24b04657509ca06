import { Button } from "@patternfly/react-core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { call } from "../api/client";
import { useTranslation } from "../i18n";
import type { Item } from "../objects/kinds";
import { Card, Problem, Status } from "../ui/parts";
import { runStates } from "./tasks";

interface Run {
	ID: number;
	started?: number;
	ended?: number;
	state: string;
	message?: string;
	by?: string;
}

const open = ["queued", "running"];

/** When it runs next, how it went, and run now. */
export default function TaskRuns(props: { object: Item }) {
	const { t, time, word } = useTranslation();
	const client = useQueryClient();
	const id = props.object.ID;
	const runs = useQuery({
		queryKey: ["runs", id],
		queryFn: async () => (await call<{ runs: Run[] }>("GET", `/scheduledtasks/${id}/runs`)).runs,
		refetchInterval: (q) => (q.state.data?.some((r) => open.includes(r.state)) ? 2000 : false),
	});
	const run = useMutation({
		mutationFn: () => call("POST", `/scheduledtasks/${id}`, { runNow: true }),
		onSettled: () => client.invalidateQueries({ queryKey: ["runs", id] }),
	});
	const next = (props.object.nextRunTimes as number[] | undefined) ?? [];
	return (
		<>
			<Card title={t("task.nextRuns")}>
				{next.length === 0 ? (
					<p className="yg-note">{t("task.neverAgain")}</p>
				) : (
					<ol className="yg-plain">
						{next.map((n) => (
							<li key={n}>{time(n)}</li>
						))}
					</ol>
				)}
			</Card>
			<Card
				title={t("task.runs")}
				actions={
					<Button variant="secondary" isDisabled={run.isPending} onClick={() => run.mutate()}>
						{t("task.runNow")}
					</Button>
				}
			>
				{run.error && <Problem error={run.error} />}
				{runs.error && <Problem error={runs.error} retry={runs.refetch} />}
				{runs.data?.length === 0 && <p className="yg-note">{t("task.noRuns")}</p>}
				{runs.data && runs.data.length > 0 && (
					<table className="yg-table">
						<thead>
							<tr>
								<th scope="col">{t("task.started")}</th>
								<th scope="col">{t("task.outcome")}</th>
								<th scope="col">{t("task.message")}</th>
							</tr>
						</thead>
						<tbody>
							{runs.data.slice(0, 20).map((r) => (
								<tr key={r.ID}>
									<td>{time(r.started)}</td>
									<td>
										<Status state={runStates[r.state] ?? "inactive"}>{word("runState", r.state)}</Status>
									</td>
									<td lang="en">{r.message ?? ""}</td>
								</tr>
							))}
						</tbody>
					</table>
				)}
			</Card>
		</>
	);
}
