import { Button, FormGroup, TextInput } from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { ApiError, call } from "../api/client";
import { keys, useJobs } from "../api/queries";
import type { Job } from "../api/types";
import { JobDeeds, JobState } from "../frame/Jobs";
import { useTranslation } from "../i18n";
import { isOpen, withJob } from "../live/fold";
import { refusalText } from "../objects/refusals";
import { Card, Problem } from "../ui/parts";
import "./words";

const SHOWN = 3;

/** Which TCP ports of the computer the manager can reach: now, and what the last scans found. */
export default function PortScan(props: { computer: number }) {
	const { t, time, language } = useTranslation();
	const client = useQueryClient();
	const [ports, setPorts] = useState("");
	const all = (useJobs().data ?? []).filter((j) => j.kind === "port-scan" && j.computerID === props.computer);
	const start = useMutation({
		mutationFn: () =>
			call<Job>("POST", `/computers/${props.computer}/portscan`, ports.trim() ? { ports: ports.trim() } : {}),
		onSuccess: (job) => client.setQueryData<Job[]>(keys.jobs, (jobs) => withJob(jobs, job)),
	});
	function submit(e: FormEvent) {
		e.preventDefault();
		start.mutate();
	}
	const refused = start.error instanceof ApiError && start.error.status === 400 ? start.error.message : null;
	const found = (j: Job) =>
		j.result?.openPorts?.length ? j.result.openPorts.join(t("common.comma")) : t("portScan.none");
	return (
		<Card title={t("portScan.title")}>
			<form onSubmit={submit} className="yg-scan-form">
				<FormGroup label={t("portScan.ports")} fieldId="port-scan-ports">
					<TextInput
						id="port-scan-ports"
						className="yg-mono"
						placeholder={t("portScan.usual")}
						value={ports}
						spellCheck="false"
						validated={refused ? "error" : "default"}
						aria-describedby={refused ? "port-scan-problem" : undefined}
						onChange={(_e, v) => setPorts(v)}
					/>
				</FormGroup>
				<Button type="submit" isDisabled={start.isPending || all.some(isOpen)}>
					{t("portScan.start")}
				</Button>
			</form>
			<p className="yg-note">{t("portScan.note")}</p>
			{refused && (
				<p id="port-scan-problem" className="yg-wrong" role="alert">
					{refusalText(language, () => t("portScan.ports"), refused)}
				</p>
			)}
			{start.error && !refused && <Problem error={start.error} />}
			<ul className="yg-past" aria-label={t("portScan.last")}>
				{all.slice(0, SHOWN).map((j) => (
					<li key={j.ID}>
						<JobState job={j} />
						<span>{time(j.finished ?? j.created)}</span>
						{j.state === "done" && <span>{t("portScan.open", { ports: found(j) })}</span>}
						<JobDeeds job={j} />
					</li>
				))}
			</ul>
		</Card>
	);
}
