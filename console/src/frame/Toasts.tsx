import { Alert, AlertActionCloseButton } from "@patternfly/react-core";
import { useEffect } from "react";
import type { Job } from "../api/types";
import { reasonText } from "../events/words";
import { useTranslation } from "../i18n";
import { useLive } from "../live/Live";
import { isShown, JobProgress } from "./Jobs";

const SHOWN_MS = 8000;

function Toast(props: { job: Job; onClose: () => void }) {
	const { t, word, language } = useTranslation();
	const { job, onClose } = props;
	// biome-ignore lint/correctness/useExhaustiveDependencies: once, when it appears
	useEffect(() => {
		const timer = window.setTimeout(onClose, SHOWN_MS);
		return () => window.clearTimeout(timer);
	}, []);
	const variant = job.state === "done" ? "success" : job.state === "cancelled" ? "info" : "danger";
	return (
		<Alert
			component="p"
			variant={variant}
			title={t("jobs.ended", {
				kind: word("jobKind", job.kind),
				computer: job.hostName,
				state: word("job", job.state),
			})}
			actionClose={
				<AlertActionCloseButton title={t("common.close")} aria-label={t("common.close")} onClose={onClose} />
			}
		>
			{job.message ? reasonText(language, job.message) : <JobProgress job={job} />}
		</Alert>
	);
}

/** What ended while one looked elsewhere. */
export function Toasts() {
	const { finished, putAway } = useLive();
	return (
		<div className="yg-toasts" role="status">
			{finished.filter(isShown).map((j) => (
				<Toast key={j.ID} job={j} onClose={() => putAway(j.ID)} />
			))}
		</div>
	);
}
