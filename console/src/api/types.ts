/** Objects of the manager's REST API as the console uses them (docs/api.md, docs/protocol.md section 3). */

export interface Session {
	userName: string;
	RID: string;
}

export interface ListSetting {
	lists?: string[];
	inherited?: boolean;
	directoryLists?: number[];
	fileLists?: number[];
	fileExtensionLists?: number[];
}

/** A module's part of a policy or computer. */
export interface ModulePart {
	state?: string;
	moduleStatus?: { agentStatus?: string; agentStatusMessage?: string; status?: string; statusMessage?: string };
	[key: string]: unknown;
}

export type Settings = Record<string, { value: string }>;

export interface Computer {
	ID: number;
	hostName: string;
	displayName: string;
	description: string;
	platform: string;
	lastIPUsed: string;
	agentVersion: string;
	agentFingerPrint?: string;
	hostGUID?: string;
	policyID?: number;
	lastAgentCommunication?: number;
	lastSendPolicySuccess?: number;
	computerStatus: { agentStatus: string; agentStatusMessages: string[] };
	computerSettings: Settings;
	interfaces?: { interfaces: { name: string; MAC: string; IPs: string[] }[] };
	antiMalware: ModulePart;
	firewall?: ModulePart;
	intrusionPrevention?: ModulePart;
	logInspection?: ModulePart;
}

export interface Policy {
	ID: number;
	name: string;
	description: string;
	parentID?: number | null;
	policySettings: Settings;
	antiMalware: ModulePart;
	firewall?: ModulePart;
	intrusionPrevention?: ModulePart;
	logInspection?: ModulePart;
	interfaceTypes?: { interfaceTypes: { ID: number; name: string; matches: string[] }[] };
}

export interface ScanConfiguration {
	ID: number;
	name: string;
	description: string;
	scanType: "real-time" | "on-demand";
	[key: string]: unknown;
}

export interface SharedList {
	ID: number;
	name: string;
	items: string[];
}

export interface SecurityEvent {
	ID: number;
	logDate: number;
	received: number;
	computerID: number;
	hostName: string;
	kind: string;
	number: number;
	severity: "info" | "warning" | "error";
	sentence: string;
	[field: string]: string | number | boolean;
}

export interface Both {
	en: string;
	ja: string;
}

export interface EventClass {
	name: string;
	label: Both;
	fields: { name: string; type: string; label: Both }[];
	kinds: { number: number; name: string; severity: string; sentence: Both }[];
}

export interface IdentifiedFile {
	ID: number;
	computerID: number;
	hostName: string;
	recordID: string;
	path: string;
	malware: string;
	size: number;
	detected: number;
	scanType: string;
	action: string;
	user: string;
	sha256: string;
	state: "quarantined" | "restored" | "deleted";
}

export interface Progress {
	files?: number;
	bytes?: number;
	found?: number;
	folder?: string;
	phase?: string;
	openPorts?: number[];
}

export interface Job {
	ID: number;
	kind: string;
	state: "queued" | "sent" | "running" | "cancelling" | "done" | "failed" | "cancelled" | "timed-out";
	computerID: number;
	hostName: string;
	created: number;
	started?: number;
	finished?: number;
	createdBy: string;
	progress?: Progress;
	message?: string;
	result?: Progress & { url?: string; password?: string };
	waiting: boolean;
}

export interface AntiMalwareStatus {
	state?: string;
	message?: string;
	fileSystems?: string[];
	scanned?: number;
	found?: number;
	failed?: number;
	signatures?: {
		epoch?: string;
		signatures?: number;
		engines?: { name: string; version: string; signatures: number }[];
		problems?: string[];
	};
	quarantine?: { bytes?: number; files?: number };
}
