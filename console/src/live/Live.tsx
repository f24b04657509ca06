import { useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useMemo, useRef, useState } from "react";
import { keys } from "../api/queries";
import type { Job } from "../api/types";
import { type Arrived, ended, foldEvents, foldJobs } from "./fold";
import { listen, type News } from "./stream";

/** Redrawn at most four times a second, however much arrives. */
const BATCH_MS = 250;
/** After this long without the stream, a banner says how old what is shown is. */
const LOST_MS = 5000;

interface Live {
	arrived: Arrived[];
	/** When the connection was lost; null while it stands. */
	lost: number | null;
	/** Jobs that ended since the console was opened and were not put away yet. */
	finished: Job[];
	putAway: (id: number) => void;
}

const LiveContext = createContext<Live>({ arrived: [], lost: null, finished: [], putAway: () => {} });

export const useLive = () => useContext(LiveContext);

export function useArrived(name: string): Arrived[] {
	const { arrived } = useLive();
	return useMemo(() => arrived.filter((e) => e.class === name), [arrived, name]);
}

export function LiveProvider(props: { children: ReactNode }) {
	const client = useQueryClient();
	const [arrived, setArrived] = useState<Arrived[]>([]);
	const [lost, setLost] = useState<number | null>(null);
	const [finished, setFinished] = useState<Job[]>([]);
	const waiting = useRef<News[]>([]);

	useEffect(() => {
		let timer: number | undefined;
		let flushed = 0;
		let lostTimer: number | undefined;

		function flush() {
			timer = undefined;
			flushed = performance.now();
			const news = waiting.current;
			waiting.current = [];
			const before = client.getQueryData<Job[]>(keys.jobs) ?? [];
			const after = foldJobs(before, news);
			if (news.some((n) => n.event === "job")) client.setQueryData(keys.jobs, after);
			const done = ended(before, after);
			if (done.length) setFinished((f) => [...f, ...done].slice(-5));
			setArrived((a) => foldEvents(a, news));
			if (news.some((n) => n.event === "computer")) client.invalidateQueries({ queryKey: keys.computers });
			if (news.some((n) => n.event === "alert")) client.invalidateQueries({ queryKey: ["alerts"] });
			if (news.some((n) => n.event === "identifiedfile")) client.invalidateQueries({ queryKey: keys.files });
			if (news.some((n) => String(n.data.object?.kind ?? "").startsWith("policy-")))
				client.invalidateQueries({ queryKey: keys.policies });
			if (news.some((n) => n.event === "resync")) client.invalidateQueries();
		}

		function onState(connected: boolean) {
			window.clearTimeout(lostTimer);
			if (connected) {
				setLost(null);
				// What ended before the stream stood was told to nobody.
				client.invalidateQueries({ queryKey: keys.jobs });
			} else {
				const since = Date.now();
				lostTimer = window.setTimeout(() => setLost((l) => l ?? since), LOST_MS);
			}
		}

		const stop = listen((news) => {
			waiting.current.push(news);
			timer ??= window.setTimeout(flush, Math.max(0, flushed + BATCH_MS - performance.now()));
		}, onState);
		return () => {
			stop();
			window.clearTimeout(timer);
			window.clearTimeout(lostTimer);
		};
	}, [client]);

	const live = useMemo(
		() => ({ arrived, lost, finished, putAway: (id: number) => setFinished((f) => f.filter((j) => j.ID !== id)) }),
		[arrived, lost, finished],
	);
	return <LiveContext.Provider value={live}>{props.children}</LiveContext.Provider>;
}
