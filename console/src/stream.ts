import { useEffect, useRef, useState } from "react";
import { currentRid } from "./api";

export interface News {
	event: "event" | "computer" | "job" | "identifiedfile" | "resync";
	data: { op?: string; class?: string; object?: Record<string, unknown> };
}

/** Listens to the manager's stream; the browser resumes it with Last-Event-ID. Returns whether it is connected. */
export function useStream(onNews: (news: News) => void): boolean {
	const [connected, setConnected] = useState(true);
	const handler = useRef(onNews);
	handler.current = onNews;
	useEffect(() => {
		const source = new EventSource(`/api/stream?rID=${encodeURIComponent(currentRid())}`);
		source.onopen = () => setConnected(true);
		source.onerror = () => setConnected(false);
		for (const event of ["event", "computer", "job", "identifiedfile", "resync"] as const)
			source.addEventListener(event, (m) => handler.current({ event, data: JSON.parse((m as MessageEvent).data) }));
		return () => source.close();
	}, []);
	return connected;
}
