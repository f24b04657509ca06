import { currentRid } from "../api/client";

export const topics = ["event", "computer", "job", "identifiedfile", "resync"] as const;

export interface News {
	event: (typeof topics)[number];
	data: { op?: string; class?: string; object?: Record<string, unknown> };
}

/** Listens to the manager's stream; the browser resumes it with Last-Event-ID. Returns how to stop. */
export function listen(onNews: (news: News) => void, onState: (connected: boolean) => void): () => void {
	const source = new EventSource(`/api/stream?rID=${encodeURIComponent(currentRid())}`);
	source.onopen = () => onState(true);
	source.onerror = () => onState(false);
	for (const event of topics)
		source.addEventListener(event, (m) => onNews({ event, data: JSON.parse((m as MessageEvent).data) }));
	return () => source.close();
}
