import { Button } from "@patternfly/react-core";
import { useMutation } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { call } from "../api/client";
import type { Job } from "../api/types";
import { useTranslation } from "../i18n";
import { isOpen } from "../live/fold";
import { Status, useProblemText } from "../ui/parts";

const looks: Partial<Record<Job["state"], string>> = {
	done: "active",
	failed: "error",
	"timed-out": "error",
	cancelled: "warning",
};

/** Redraws once a second while something runs, for the elapsed time. */
export function useNow(running: boolean): number {
	const [now, setNow] = useState(Date.now);
	useEffect(() => {
		if (!running) return;
		setNow(Date.now());
		const timer = window.setInterval(() => setNow(Date.now()), 1000);
		return () => window.clearInterval(timer);
	}, [running]);
	return now;
}

/** What is known, nothing made up: counts and the folder at work; no bar, as the total is not known. */
export function JobProgress(props: { job: Job }) {
	const { t, number, bytes } = useTranslation();
	const p = props.job.progress ?? props.job.result;
	if (props.job.kind !== "malware-scan" || !p) return null;
	return (
		<div className="yg-progress">
			<span>{t("jobs.files", { count: number(p.files ?? 0) })}</span>
			<span>{bytes(p.bytes ?? 0)}</span>
			<span>{t("jobs.found", { count: number(p.found ?? 0) })}</span>
			{isOpen(props.job) && p.folder && <code className="yg-folder">{p.folder}</code>}
		</div>
	);
}

export function JobState(props: { job: Job }) {
	const { t, word } = useTranslation();
	const { job } = props;
	if (job.waiting && job.state === "queued") return <Status state="warning">{t("jobs.waiting")}</Status>;
	if (isOpen(job))
		return (
			<span className="yg-status">
				<span className="yg-busy" aria-hidden="true" />
				<span>{word("job", job.state)}</span>
			</span>
		);
	return <Status state={looks[job.state] ?? "inactive"}>{word("job", job.state)}</Status>;
}

/** Not what is asked for along with another job, or in passing. */
export const isShown = (job: Job) => job.kind !== "cancel" && job.kind !== "check-status";

const cancellable = (job: Job) =>
	job.state === "queued" || (job.kind === "malware-scan" && ["sent", "running"].includes(job.state));
const repeatable = (job: Job) => ["failed", "timed-out", "cancelled"].includes(job.state);

export function JobDeeds(props: { job: Job }) {
	const { t } = useTranslation();
	const text = useProblemText();
	const { job } = props;
	const deed = useMutation({ mutationFn: (what: "cancel" | "retry") => call("POST", `/jobs/${job.ID}/${what}`, {}) });
	return (
		<>
			{cancellable(job) && (
				<Button size="sm" variant="secondary" isDisabled={deed.isPending} onClick={() => deed.mutate("cancel")}>
					{t("common.cancel")}
				</Button>
			)}
			{repeatable(job) && (
				<Button size="sm" variant="secondary" isDisabled={deed.isPending} onClick={() => deed.mutate("retry")}>
					{t("common.retry")}
				</Button>
			)}
			{deed.error && <span className="yg-wrong">{text(deed.error)}</span>}
		</>
	);
}
