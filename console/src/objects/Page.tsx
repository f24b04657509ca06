import { Button } from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useState } from "react";
import { ApiError, call } from "../api/client";
import { useTranslation } from "../i18n";
import { go, guardLeaving, href, Link, useSearch } from "../router/router";
import { Dialog } from "../ui/Dialog";
import { Card, Copy, Nothing, PageHead, Problem, Waiting } from "../ui/parts";
import { ObjectForm } from "./Form";
import { bodyOf, type Draft, fieldNamed, placeIn } from "./fields";
import { type Item, type Kind, kindOf } from "./kinds";
import { areaOf, type KindName } from "./names";
import { pathOf, useNames, useObjects, useOwners } from "./queries";
import { refusalText } from "./refusals";
import { Shipped } from "./Shipped";
import { type User, usersOf } from "./used";
import "../network/words";
import "../admin/words";

const Capture = lazy(() => import("../network/Capture"));

/** Who names this object; undefined while it is being found out. */
function useUsers(kind: Kind, id: number): User[] | undefined {
	const owners = useOwners();
	const { lists } = useNames(kind.uses.map((u) => u.kind));
	if (!owners.policies || !owners.computers) return undefined;
	return usersOf(kind, id, { policies: owners.policies, computers: owners.computers }, lists);
}

const addressOf = (u: User) =>
	u.kind === "policies"
		? href("policy", { id: u.id })
		: u.kind === "computers"
			? href("computer", { id: u.id })
			: href("object", { kind: u.kind, id: u.id });

const SHOWN = 12;

function UserLinks(props: { users: User[] }) {
	const { t } = useTranslation();
	const kind = (u: User) =>
		t(u.kind === "policies" ? "palette.policy" : u.kind === "computers" ? "palette.computer" : kindOf(u.kind).one);
	return (
		<ul className="yg-plain">
			{props.users.slice(0, SHOWN).map((u) => (
				<li key={`${u.kind}-${u.id}`}>
					<Link to={addressOf(u)}>{u.name}</Link> <span className="yg-note">{kind(u)}</span>
				</li>
			))}
			{props.users.length > SHOWN && (
				<li className="yg-note">{t("object.moreUsers", { count: props.users.length - SHOWN })}</li>
			)}
		</ul>
	);
}

function useLabel(kind: Kind) {
	const { t } = useTranslation();
	const fields = kind.groups.flatMap((g) => g.fields);
	return (name: string) => {
		const f = fields.find((x) => x.name === name);
		return f ? t(f.label) : name;
	};
}

/** One that is used is not deleted: the dialog says who would miss it instead of asking. */
function Delete(props: { name: KindName; object: Item; policy: number; users: User[]; onClose: () => void }) {
	const { t, language } = useTranslation();
	const client = useQueryClient();
	const label = useLabel(kindOf(props.name));
	const erase = useMutation({
		mutationFn: () => call("DELETE", `${pathOf(props.name, props.policy)}/${props.object.ID}`),
		onSuccess: () => {
			go(href("objects", { kind: props.name }), { replace: true });
			client.invalidateQueries({ queryKey: ["objects"] });
		},
		onError: () => client.invalidateQueries(),
	});
	const used = props.users.length > 0;
	return (
		<Dialog
			title={t("object.delete", { name: props.object.name })}
			onClose={props.onClose}
			footer={
				<>
					{!used && (
						<Button variant="danger" isDisabled={erase.isPending} onClick={() => erase.mutate()}>
							{t("computers.delete")}
						</Button>
					)}
					<Button variant={used ? "primary" : "link"} onClick={props.onClose}>
						{t(used ? "common.close" : "common.cancel")}
					</Button>
				</>
			}
		>
			<p>{t(used ? "object.usedText" : "object.deleteText")}</p>
			{used && <UserLinks users={props.users} />}
			{erase.error && (
				<p className="yg-wrong" role="alert">
					{refusalText(language, label, erase.error.message)}
				</p>
			)}
		</Dialog>
	);
}

function useLeavingAsked(changed: boolean) {
	const { t } = useTranslation();
	const text = t("editor.leave");
	useEffect(() => {
		if (!changed) return;
		const closing = (e: BeforeUnloadEvent) => e.preventDefault();
		guardLeaving((to) => to === window.location.pathname || window.confirm(text));
		window.addEventListener("beforeunload", closing);
		return () => {
			guardLeaving(null);
			window.removeEventListener("beforeunload", closing);
		};
	}, [changed, text]);
}

/** Shown this once: whoever closes it has it or makes another. */
export function SecretOnce(props: { title: string; text: string; onClose: () => void }) {
	const { t } = useTranslation();
	return (
		<Dialog
			title={t("secret.title", { what: props.title })}
			onClose={props.onClose}
			footer={<Button onClick={props.onClose}>{t("secret.kept")}</Button>}
		>
			<p>{t("secret.text")}</p>
			<Copy text={props.text} label={t("secret.label")} rows={3} />
		</Dialog>
	);
}

/** The form with its bar: what a change touches is said before it is saved. */
function Editor(props: { name: KindName; policy: number; object: Item | null; start: Draft; users: User[] }) {
	const { t, language } = useTranslation();
	const client = useQueryClient();
	const kind = kindOf(props.name);
	const label = useLabel(kind);
	const { object } = props;
	const naming = kind.nameMember ?? "name";
	const [secret, setSecret] = useState<Item | null>(null);
	const [value, setValue] = useState<Draft>(props.start);
	const [touched, setTouched] = useState(false);
	const save = useMutation({
		mutationFn: () =>
			call<Item>(
				"POST",
				pathOf(props.name, props.policy) + (object ? `/${object.ID}` : ""),
				bodyOf(kind.groups, kind.start, value),
			),
		onSuccess: async (stored) => {
			setTouched(false);
			guardLeaving(null);
			await client.invalidateQueries({ queryKey: ["objects", props.name] });
			if (kind.secret && stored[kind.secret]) setSecret(stored);
			else arrive(stored.ID);
		},
	});
	const arrive = (id: number) =>
		go(href("object", { kind: props.name, id }, kind.ofPolicy ? { policy: String(props.policy) } : {}), {
			replace: true,
		});
	useLeavingAsked(touched);
	const message = save.error instanceof ApiError && save.error.status === 400 ? save.error.message : null;
	const field =
		save.error instanceof ApiError && save.error.code === "name-exists"
			? naming
			: message && fieldNamed(kind.groups, value, message);
	const refused = message && refusalText(language, label, message);
	const changed = touched || !object;
	return (
		<form
			className="yg-object"
			noValidate
			onSubmit={(e) => {
				e.preventDefault();
				save.mutate();
			}}
		>
			<ObjectForm
				groups={kind.groups}
				value={value}
				problem={field && message && refused ? { field, text: refused, place: placeIn(message) } : null}
				onChange={(n, v) => {
					setTouched(true);
					setValue((old) => ({ ...old, [n]: v }));
				}}
			/>
			<div role="status" className={changed ? "yg-save" : "yg-hidden"}>
				{changed && (
					<>
						{props.users.length > 0 && <span>{t("object.everywhere", { count: props.users.length })}</span>}
						{save.error && !message && <Problem error={save.error} />}
						{refused && <span className="yg-wrong">{refused}</span>}
						<span className="yg-space" />
						<Button type="submit" isDisabled={save.isPending || !String(value[naming] ?? "").trim()}>
							{t(object ? "editor.save" : "policies.create")}
						</Button>
						<Button
							variant="link"
							onClick={() => {
								setTouched(false);
								save.reset();
								if (object) setValue(props.start);
								else go(href("objects", { kind: props.name }));
							}}
						>
							{t(object ? "editor.discard" : "common.cancel")}
						</Button>
					</>
				)}
			</div>
			{secret && kind.secret && (
				<SecretOnce title={t(kind.one)} text={String(secret[kind.secret])} onClose={() => arrive(secret.ID)} />
			)}
		</form>
	);
}

/** A copy's start: everything but what only one of them can be. */
function copyOf(kind: Kind, o: Item, name: string): Draft {
	const names = kind.groups.flatMap((g) => g.fields).map((f) => f.name);
	const copied = Object.fromEntries(names.flatMap((n) => (n in o ? [[n, o[n]]] : [])));
	return { ...kind.start, ...copied, [kind.nameMember ?? "name"]: name };
}

function Existing(props: { name: KindName; object: Item; policy: number }) {
	const { t } = useTranslation();
	const { object, name } = props;
	const kind = kindOf(name);
	const users = useUsers(kind, object.ID);
	const [deleting, setDeleting] = useState(false);
	const shipped = kind.shipped?.(object) ?? false;
	const Below = kind.below;
	const trail = [{ text: t(kind.title), to: href("objects", { kind: name }) }];
	const copy = href(
		"object",
		{ kind: name, id: "new" },
		{
			from: String(object.ID),
			...(kind.ofPolicy ? { policy: String(props.policy) } : {}),
		},
	);
	return (
		<>
			<PageHead title={object.name} trail={trail}>
				<Button variant="secondary" onClick={() => go(copy)}>
					{t("object.duplicate")}
				</Button>
				{!shipped && !kind.fixed?.(object) && (
					<Button variant="secondary" isDanger isDisabled={!users} onClick={() => setDeleting(true)}>
						{t("computers.delete")}
					</Button>
				)}
			</PageHead>
			{shipped ? (
				<Shipped kind={props.name} object={object} />
			) : (
				<Editor
					key={JSON.stringify(object)}
					name={name}
					policy={props.policy}
					object={object}
					start={object}
					users={users ?? []}
				/>
			)}
			{Below && <Below object={object} />}
			{name === "intrusionpreventionrules" && (
				<Card title={t("network.tab.capture")}>
					<Suspense fallback={<Waiting />}>
						<Capture key={object.ID} rules={{ ruleIDs: [object.ID] }} />
					</Suspense>
				</Card>
			)}
			{!kind.ofPolicy && users && (kind.uses.length > 0 || users.length > 0 || !areaOf(name)) && (
				<Card title={t("object.usedBy", { count: users.length })}>
					{users.length === 0 ? <p className="yg-note">{t("object.unused")}</p> : <UserLinks users={users} />}
				</Card>
			)}
			{deleting && users && (
				<Delete name={name} object={object} policy={props.policy} users={users} onClose={() => setDeleting(false)} />
			)}
		</>
	);
}

/** One object: read, changed, copied, deleted; or a new one. */
export default function ObjectPage(props: { name: KindName; id: string }) {
	const { t } = useTranslation();
	const kind = kindOf(props.name);
	const [search] = useSearch({ from: "", policy: "1" });
	const policy = kind.ofPolicy ? Number(search.policy) : 0;
	const objects = useObjects(props.name, policy);
	if (objects.error && !objects.data) return <Problem error={objects.error} retry={objects.refetch} />;
	if (!objects.data) return <Waiting />;
	const trail = [{ text: t(kind.title), to: href("objects", { kind: props.name }) }];
	if (props.id === "new") {
		const from = objects.data.find((o) => String(o.ID) === search.from);
		const start = from ? copyOf(kind, from, t("object.copyName", { name: from.name })) : kind.start;
		return (
			<>
				<PageHead title={t("object.newOf", { kind: t(kind.one) })} trail={trail} />
				<Editor key={search.from} name={props.name} policy={policy} object={null} start={start} users={[]} />
			</>
		);
	}
	const object = objects.data.find((o) => String(o.ID) === props.id);
	if (!object)
		return (
			<>
				<PageHead title={t("missing.title")} trail={trail} />
				<Nothing title={t("error.not-found")} />
			</>
		);
	return <Existing key={object.ID} name={props.name} object={object} policy={policy} />;
}
