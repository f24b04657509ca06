import type { Job, SecurityEvent } from "../api/types";
import type { News } from "./stream";

export type Arrived = SecurityEvent & { class: string };

const KEPT = 1000;

/** The jobs with what a batch of news says of them, newest first. */
export function foldJobs(jobs: readonly Job[], news: readonly News[]): Job[] {
	const all = new Map(jobs.map((j) => [j.ID, j]));
	for (const n of news) {
		if (n.event !== "job" || !n.data.object) continue;
		const job = n.data.object as unknown as Job;
		all.set(job.ID, job);
	}
	return [...all.values()].sort((a, b) => b.ID - a.ID).slice(0, KEPT);
}

export function foldEvents(arrived: readonly Arrived[], news: readonly News[]): Arrived[] {
	const more = news
		.filter((n) => n.event === "event" && n.data.object)
		.map((n) => ({ ...(n.data.object as SecurityEvent), class: n.data.class ?? "" }));
	return more.length ? [...arrived, ...more].slice(-KEPT) : (arrived as Arrived[]);
}

export const isOpen = (job: Job) => ["queued", "sent", "running", "cancelling"].includes(job.state);

/** The jobs with one that was just asked for: the stream may have told more of it before the request was answered. */
export const withJob = (jobs: readonly Job[] | undefined, job: Job): Job[] => foldJobs([job, ...(jobs ?? [])], []);

/** The jobs as they were read. What the stream told meanwhile to have ended has ended. */
export function keepEnded(known: readonly Job[] | undefined, read: readonly Job[]): Job[] {
	const over = new Map((known ?? []).filter((j) => !isOpen(j)).map((j) => [j.ID, j]));
	return read.map((j) => (isOpen(j) && over.get(j.ID)) || j);
}

/** Jobs that a batch of news brought to their end. */
export function ended(before: readonly Job[], after: readonly Job[]): Job[] {
	const open = new Set(before.filter(isOpen).map((j) => j.ID));
	return after.filter((j) => open.has(j.ID) && !isOpen(j));
}
