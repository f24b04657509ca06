import { Button } from "@patternfly/react-core";
import { call } from "../api/client";
import { useJobs } from "../api/queries";
import type { Job } from "../api/types";
import { reasonText } from "../events/words";
import { elapsedText, useTranslation } from "../i18n";
import { isOpen } from "../live/fold";
import { href, Link } from "../router/router";
import { Nothing, Problem } from "../ui/parts";
import { isShown, JobDeeds, JobProgress, JobState, useNow } from "./Jobs";
import { Panel } from "./Panel";

function Line(props: { job: Job; now: number }) {
	const { t, word, time, language } = useTranslation();
	const { job } = props;
	const begin = job.started ?? job.created;
	return (
		<li className="yg-job">
			<div className="yg-job-head">
				<strong>{word("jobKind", job.kind)}</strong>
				<JobState job={job} />
			</div>
			<div>
				<Link to={href("computer", { id: job.computerID })}>
					{job.hostName || t("jobs.gone", { id: job.computerID })}
				</Link>
			</div>
			<JobProgress job={job} />
			{job.message && <p className="yg-note">{reasonText(language, job.message)}</p>}
			<div className="yg-job-foot">
				<span className="yg-note">
					{time(begin)} · {elapsedText((job.finished ?? props.now) - begin)} · {job.createdBy}
				</span>
				<JobDeeds job={job} />
			</div>
		</li>
	);
}

export default function JobDrawer(props: { onClose: () => void }) {
	const { t } = useTranslation();
	const jobs = useJobs();
	const list = (jobs.data ?? []).filter(isShown);
	const open = list.filter(isOpen);
	const over = list.filter((j) => !isOpen(j)).slice(0, 50);
	const failed = over.filter((j) => j.state === "failed" || j.state === "timed-out");
	const now = useNow(open.length > 0);
	const retryFailed = () => Promise.allSettled(failed.map((j) => call("POST", `/jobs/${j.ID}/retry`, {})));
	return (
		<Panel title={t("jobs.title")} onClose={props.onClose} className="yg-drawer">
			{jobs.error && <Problem error={jobs.error} retry={jobs.refetch} />}
			{jobs.data && list.length === 0 && <Nothing title={t("jobs.none")}>{t("jobs.noneText")}</Nothing>}
			{open.length > 0 && (
				<>
					<h3>{t("jobs.running", { count: open.length })}</h3>
					<ul>
						{open.map((j) => (
							<Line key={j.ID} job={j} now={now} />
						))}
					</ul>
				</>
			)}
			{over.length > 0 && (
				<>
					<div className="yg-job-head">
						<h3>{t("jobs.over")}</h3>
						{failed.length > 1 && (
							<Button size="sm" variant="link" onClick={retryFailed}>
								{t("jobs.retryFailed", { count: failed.length })}
							</Button>
						)}
					</div>
					<ul>
						{over.map((j) => (
							<Line key={j.ID} job={j} now={now} />
						))}
					</ul>
				</>
			)}
		</Panel>
	);
}
