import { useQuery } from "@tanstack/react-query";
import { call } from "../api/client";

export interface Words {
	en: string;
	ja: string;
}

/** What the manager raises when events ask for somebody's eyes (docs/api.md). */
export interface AlertObject {
	ID: number;
	type: string;
	typeID: number;
	title: Words;
	severity: "warning" | "critical";
	computerID: number;
	targetName?: string;
	raised: number;
	last: number;
	count: number;
	message?: string;
	state: "active" | "ended" | "dismissed";
	ended?: number;
	endedBy?: string;
	reason?: string;
}

export interface AlertType {
	ID: number;
	name: string;
	title: Words;
	raisedByEvents: boolean;
	endsByItself: boolean;
	enabled: boolean;
	emailEnabled: boolean;
	severity: "warning" | "critical";
	threshold: number;
	window: number;
}

export const alertStates = ["active", "ended", "dismissed", "all"] as const;
export type AlertState = (typeof alertStates)[number];

export const useAlerts = (state: AlertState = "active") =>
	useQuery({
		queryKey: ["alerts", state],
		queryFn: async () => (await call<{ alerts: AlertObject[] }>("GET", `/alerts?state=${state}`)).alerts,
	});

export const useAlertTypes = () =>
	useQuery({
		queryKey: ["alerttypes"],
		queryFn: async () => (await call<{ alertTypes: AlertType[] }>("GET", "/alerttypes")).alertTypes,
	});

export const useSystemSettings = () =>
	useQuery({
		queryKey: ["systemsettings"],
		queryFn: () => call<Record<string, { value: string }>>("GET", "/systemsettings"),
	});

/** Hours that the dashboard looks back. */
export const periods = ["1", "24", "168", "720"] as const;
