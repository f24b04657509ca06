import { useQuery } from "@tanstack/react-query";
import { keepEnded } from "../live/fold";
import { call } from "./client";
import type {
	AntiMalwareStatus,
	Computer,
	EventClass,
	IdentifiedFile,
	Job,
	Policy,
	ScanConfiguration,
	Settings,
	SharedList,
} from "./types";

/** One key a collection, so that what the stream tells can be matched to what is shown. */
export const keys = {
	computers: ["computers"] as const,
	computer: (id: number) => ["computers", id] as const,
	status: (id: number) => ["computers", id, "status"] as const,
	policies: ["policies"] as const,
	jobs: ["jobs"] as const,
	files: ["files"] as const,
};

export function useComputers() {
	return useQuery({
		queryKey: keys.computers,
		queryFn: async () =>
			(await call<{ computers: Computer[] }>("GET", "/computers?expand=computerStatus,antiMalware")).computers,
	});
}

export function useComputer(id: number) {
	return useQuery({ queryKey: keys.computer(id), queryFn: () => call<Computer>("GET", `/computers/${id}`) });
}

export function useAntiMalwareStatus(id: number, managed: boolean) {
	return useQuery({
		enabled: managed,
		queryKey: keys.status(id),
		queryFn: () => call<AntiMalwareStatus>("GET", `/antimalwarestatus/${id}`),
	});
}

export function usePolicies() {
	return useQuery({
		queryKey: keys.policies,
		queryFn: async () => (await call<{ policies: Policy[] }>("GET", "/policies")).policies,
	});
}

/** What holds where neither a policy nor a computer says anything. */
export function useDefaults() {
	return useQuery({
		queryKey: ["policies", "default"],
		queryFn: () => call<Settings>("GET", "/policies/default"),
		retry: false,
	});
}

export function useConfigurations() {
	return useQuery({
		queryKey: ["configurations"],
		queryFn: async () =>
			(await call<{ antiMalwareConfigurations: ScanConfiguration[] }>("GET", "/antimalwareconfigurations"))
				.antiMalwareConfigurations,
	});
}

export type ListKind = "directoryLists" | "fileLists" | "fileExtensionLists";

export function useSharedLists(kind: ListKind) {
	return useQuery({
		queryKey: ["lists", kind],
		queryFn: async () => (await call<Record<ListKind, SharedList[]>>("GET", `/${kind.toLowerCase()}`))[kind],
	});
}

export function useFiles() {
	return useQuery({
		queryKey: keys.files,
		queryFn: async () => (await call<{ identifiedFiles: IdentifiedFile[] }>("GET", "/identifiedfiles")).identifiedFiles,
	});
}

/** The stream keeps these up to date (live/Live.tsx), so they are asked for once. */
export function useJobs() {
	return useQuery({
		queryKey: keys.jobs,
		queryFn: async ({ client }) =>
			keepEnded(client.getQueryData<Job[]>(keys.jobs), (await call<{ jobs: Job[] }>("GET", "/jobs")).jobs),
		staleTime: Number.POSITIVE_INFINITY,
	});
}

export function useEventClasses() {
	return useQuery({
		queryKey: ["classes"],
		queryFn: async () => (await call<{ classes: EventClass[] }>("GET", "/events/classes")).classes,
		staleTime: Number.POSITIVE_INFINITY,
	});
}
