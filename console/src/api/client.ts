export class ApiError extends Error {
	constructor(
		readonly status: number,
		readonly code: string,
		message: string,
	) {
		super(message);
	}
}

let rid = "";
let ended: (() => void) | null = null;

export function rememberRid(value: string) {
	rid = value;
}

export function currentRid(): string {
	return rid;
}

/** What to do when the manager says that the session is over. */
export function onSessionEnd(act: (() => void) | null) {
	ended = act;
}

function parsed(text: string): Record<string, unknown> {
	try {
		return text ? JSON.parse(text) : {};
	} catch {
		return { message: text.slice(0, 200) };
	}
}

export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
	const answer = await fetch(`/api${path}`, {
		method,
		headers: { "Content-Type": "application/json", Prefer: "codes", ...(rid ? { rID: rid } : {}) },
		...(body === undefined ? {} : { body: JSON.stringify(body) }),
	});
	const json = parsed(await answer.text());
	if (answer.status === 401 && rid && path !== "/sessions") ended?.();
	if (!answer.ok) throw new ApiError(answer.status, String(json.code ?? ""), String(json.message ?? answer.statusText));
	return json as T;
}
