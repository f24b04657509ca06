/** The manager's REST API as the console uses it (docs/protocol.md section 3). */

export interface Session {
	userName: string;
	RID: string;
}

export interface Computer {
	ID: number;
	hostName: string;
	displayName: string;
	platform: string;
	lastAgentCommunication?: number;
	computerStatus: { agentStatus: string; agentStatusMessages: string[] };
	antiMalware: { state: string; moduleStatus: { agentStatusMessage: string } };
}

export interface SecurityEvent {
	ID: number;
	logDate: number;
	hostName: string;
	kind: string;
	severity: string;
	sentence: string;
	[field: string]: string | number | boolean;
}

export interface IdentifiedFile {
	ID: number;
	hostName: string;
	path: string;
	malware: string;
	detected: number;
	state: string;
}

export interface Job {
	ID: number;
	kind: string;
	state: string;
	computerID: number;
	progress?: { files: number; found: number };
}

export interface EventKind {
	name: string;
	sentence: { en: string; ja: string };
}

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

export function rememberRid(value: string) {
	rid = value;
}

export function currentRid(): string {
	return rid;
}

export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
	const answer = await fetch(`/api${path}`, {
		method,
		headers: { "Content-Type": "application/json", Prefer: "codes", ...(rid ? { rID: rid } : {}) },
		...(body === undefined ? {} : { body: JSON.stringify(body) }),
	});
	const text = await answer.text();
	const json = text ? JSON.parse(text) : {};
	if (!answer.ok) throw new ApiError(answer.status, json.code ?? "", json.message ?? answer.statusText);
	return json as T;
}
