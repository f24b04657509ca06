import { useMutation, useQueries, useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from "react";
import { call } from "../api/client";
import { useComputer, useComputers, useDefaults, usePolicies } from "../api/queries";
import type { Computer, ModulePart, Policy, Settings } from "../api/types";
import { useTranslation } from "../i18n";
import { guardLeaving } from "../router/router";
import { Problem, Waiting } from "../ui/parts";
import {
	ancestors,
	type Level,
	memberOf,
	moduleKeys,
	modules,
	type Origin,
	originOf,
	ownValue,
	type ValueKey,
	withDescendants,
} from "./chain";
import { applied, type Draft, savingOf, withChange } from "./draft";

/** What the rows of a policy's or a computer's settings share: the levels, unsaved changes, how to change. */
export interface Editor {
	/** The object as it will be once saved, then what it inherits from. */
	levels: Level[];
	draft: Draft;
	/** null: inherit again. */
	set: (key: ValueKey, value: unknown) => void;
	origin: <T>(key: ValueKey) => Origin<T>;
	save: () => void;
	discard: () => void;
	saving: boolean;
	error: Error | null;
	/** How many computers a change touches, and how many of them are offline. */
	affected: { all: number; offline: number };
}

const EditorContext = createContext<Editor | null>(null);

export function useEditor(): Editor {
	const editor = useContext(EditorContext);
	if (!editor) throw new Error("a setting outside of an editor");
	return editor;
}

interface Own {
	antiMalware?: ModulePart;
	firewall?: ModulePart;
	intrusionPrevention?: ModulePart;
	logInspection?: ModulePart;
	policySettings?: Settings;
	computerSettings?: Settings;
}

const levelOf = (kind: Level["kind"], id: number, name: string, own: Own): Level => ({
	kind,
	id,
	name,
	modules: Object.fromEntries(moduleKeys.map((m) => [m, own[modules[m].member] ?? {}])),
	settings: own.policySettings ?? own.computerSettings ?? {},
});

const ownQuery = (kind: Level["kind"], id: number) => ({
	queryKey: [kind, id, "own"],
	queryFn: () => call<Own>("GET", `/${kind}/${id}?overrides=true`),
});

/** The object and all it inherits from, with what each sets itself; undefined while it loads. */
function useLevels(kind: Level["kind"], id: number, name: string, policy: number | undefined) {
	const policies = usePolicies();
	const chain = policies.data ? ancestors(policies.data, policy) : undefined;
	const asked = [
		...(kind === "computers" ? [{ kind, id, name }] : []),
		...(chain ?? []).map((p) => ({ kind: "policies" as const, id: p.ID, name: p.name })),
	];
	const answers = useQueries({ queries: asked.map((a) => ownQuery(a.kind, a.id)) });
	const error = policies.error ?? answers.find((a) => a.error)?.error ?? null;
	const ready = chain !== undefined && answers.every((a) => a.data);
	const levels = ready ? asked.map((a, i) => levelOf(a.kind, a.id, a.name, answers[i].data as Own)) : undefined;
	return { levels, policies: policies.data ?? [], error };
}

function useAffected(kind: Level["kind"], id: number, policies: Policy[]) {
	const computers = useComputers().data ?? [];
	const below = kind === "policies" ? withDescendants(policies, id) : null;
	const hit = computers.filter((c) => (below ? below.has(c.policyID ?? 0) : c.ID === id));
	return {
		all: hit.length,
		offline: hit.filter((c) => c.computerStatus.agentStatusMessages[0] !== "Managed (Online)").length,
	};
}

/** The value of a key that nobody set. */
function defaultOf(key: ValueKey, defaults: Settings | undefined): unknown {
	if (memberOf(key)?.name === "state") return "off";
	return key.startsWith("set.") ? defaults?.[key.slice(4)]?.value : undefined;
}

function useSaving(kind: Level["kind"], id: number, draft: Draft, done: () => void) {
	const client = useQueryClient();
	const reread = () =>
		Promise.all(["policies", "computers"].map((key) => client.invalidateQueries({ queryKey: [key] })));
	return useMutation({
		mutationFn: async () => {
			const { body, reset, assign } = savingOf(kind, draft);
			if (body) await call("POST", `/${kind}/${id}`, body);
			for (const { path, ruleIDs } of assign) await call("PUT", `/${kind}/${id}/${path}/assignments`, { ruleIDs });
			for (const name of reset) await call("DELETE", `/${kind}/${id}/settings/${name}`);
		},
		// The draft goes once the new state is there, so that the old one is never seen again.
		onSuccess: async () => {
			await reread();
			done();
		},
		onError: reread,
	});
}

/** Asks before unsaved changes are left behind, by a link or by closing the page. */
function useGuard(unsaved: boolean) {
	const { t } = useTranslation();
	const text = t("editor.leave");
	useEffect(() => {
		if (!unsaved) return;
		const closing = (e: BeforeUnloadEvent) => e.preventDefault();
		const here = window.location.pathname.split("/").slice(0, 3).join("/");
		guardLeaving((to) => to.startsWith(`${here}/`) || to === here || window.confirm(text));
		window.addEventListener("beforeunload", closing);
		return () => {
			guardLeaving(null);
			window.removeEventListener("beforeunload", closing);
		};
	}, [unsaved, text]);
}

function EditorFor(props: {
	kind: Level["kind"];
	object: Computer | Policy;
	name: string;
	policy?: number;
	children: ReactNode;
}) {
	const { kind, object, name } = props;
	const defaults = useDefaults().data;
	const { levels: stored, policies, error } = useLevels(kind, object.ID, name, props.policy);
	const [draft, setDraft] = useState<Draft>(new Map());
	const affected = useAffected(kind, object.ID, policies);
	const saving = useSaving(kind, object.ID, draft, () => setDraft(new Map()));
	useGuard(draft.size > 0);
	const editor = useMemo((): Editor | null => {
		if (!stored) return null;
		const levels = [applied(stored[0], draft), ...stored.slice(1)];
		return {
			levels,
			draft,
			set: (key, value) => setDraft((d) => withChange(d, key, value, ownValue(stored[0], key))),
			origin: (key) => originOf(levels, key, defaultOf(key, defaults) as never),
			save: () => saving.mutate(),
			discard: () => setDraft(new Map()),
			saving: saving.isPending,
			error: saving.error,
			affected,
		};
	}, [stored, draft, defaults, saving, affected]);
	if (error) return <Problem error={error} />;
	if (!editor) return <Waiting />;
	return <EditorContext.Provider value={editor}>{props.children}</EditorContext.Provider>;
}

export function PolicyEditor(props: { id: number; children: ReactNode }) {
	const policies = usePolicies();
	const policy = policies.data?.find((p) => p.ID === props.id);
	if (!policy) return <Waiting />;
	return (
		<EditorFor kind="policies" object={policy} name={policy.name} policy={policy.ID}>
			{props.children}
		</EditorFor>
	);
}

export function ComputerEditor(props: { id: number; children: ReactNode }) {
	const computer = useComputer(props.id).data;
	if (!computer) return <Waiting />;
	return (
		<EditorFor
			kind="computers"
			object={computer}
			name={computer.displayName || computer.hostName}
			policy={computer.policyID}
		>
			{props.children}
		</EditorFor>
	);
}
