import { expect, test } from "vitest";
import type { Job } from "../api/types";
import { keepEnded, withJob } from "./fold";

const job = (ID: number, state: Job["state"]) => ({ ID, state }) as Job;

test("the answer to a request takes nothing back that the stream told of the job", () => {
	expect(withJob([job(2, "done"), job(1, "done")], job(2, "queued"))).toEqual([job(2, "done"), job(1, "done")]);
	expect(withJob([job(1, "done")], job(2, "queued"))).toEqual([job(2, "queued"), job(1, "done")]);
	expect(withJob(undefined, job(1, "queued"))).toEqual([job(1, "queued")]);
});

test("nor does a list that was read before it", () => {
	expect(keepEnded([job(2, "failed"), job(1, "running")], [job(2, "sent"), job(1, "done")])).toEqual([
		job(2, "failed"),
		job(1, "done"),
	]);
	expect(keepEnded(undefined, [job(1, "sent")])).toEqual([job(1, "sent")]);
});
