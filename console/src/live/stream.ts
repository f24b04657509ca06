import { call, currentRid } from "../api/client";

export const topics = ["event", "computer", "job", "alert", "identifiedfile", "resync"] as const;

export interface News {
	event: (typeof topics)[number];
	data: { op?: string; class?: string; object?: Record<string, unknown> };
}

interface Ears {
	onNews: (news: News, id: string) => void;
	onState: (connected: boolean) => void;
}

const AGAIN_MS = 3000;
const NAME = "yagura-stream";

/** The manager's stream itself. The browser resumes it after a loss; after a refusal, as of a manager that is just
 * starting, it does not: then we do. Returns how to stop. */
function openStream(after: string, ears: Ears): () => void {
	let last = after;
	let source: EventSource;
	let timer: number | undefined;
	function open() {
		const query = new URLSearchParams({ rID: currentRid(), ...(last && { lastEventID: last }) });
		source = new EventSource(`/api/stream?${query}`);
		source.onopen = () => ears.onState(true);
		source.onerror = () => {
			ears.onState(false);
			if (source.readyState !== EventSource.CLOSED) return;
			// Says so by itself when the session is over.
			call("GET", "/sessions/current").catch(() => {});
			timer = window.setTimeout(open, AGAIN_MS);
		};
		for (const event of topics)
			source.addEventListener(event, (m) => {
				last = m.lastEventId;
				ears.onNews({ event, data: JSON.parse(m.data) }, last);
			});
	}
	open();
	return () => {
		window.clearTimeout(timer);
		source.close();
	};
}

type Told = { news: News; id: string } | { connected: boolean };

/**
 * One stream a browser, however many tabs: a browser opens six connections to a server and a stream holds one for
 * good. The tab that has the lock listens and tells the others; when it goes, the next one goes on from where it was.
 */
export function listen(onNews: (news: News) => void, onState: (connected: boolean) => void): () => void {
	if (!navigator.locks) return openStream("", { onNews, onState });
	const channel = new BroadcastChannel(NAME);
	const leaving = new AbortController();
	let last = "";
	let stop: (() => void) | undefined;
	const tell = (told: Told) => {
		if ("connected" in told) return onState(told.connected);
		last = told.id;
		onNews(told.news);
	};
	const tellAll = (told: Told) => {
		channel.postMessage(told);
		tell(told);
	};
	channel.onmessage = (m) => tell(m.data as Told);
	const lead = () =>
		new Promise<void>((done) => {
			const close = openStream(last, {
				onNews: (news, id) => tellAll({ news, id }),
				onState: (connected) => tellAll({ connected }),
			});
			stop = () => {
				close();
				done();
			};
		});
	navigator.locks.request(NAME, { signal: leaving.signal }, lead).catch(() => {});
	return () => {
		leaving.abort();
		stop?.();
		channel.close();
	};
}
