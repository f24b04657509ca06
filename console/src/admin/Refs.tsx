import { Button, TextInput } from "@patternfly/react-core";
import { useState } from "react";
import { useTranslation } from "../i18n";
import { Icon } from "../ui/icons";
import { type RefKind, useRefs } from "./refs";

const OFFERED = 12;

/** Several objects by name: those chosen, and a filter that offers more of them. */
export function Refs(props: { label: string; kind: RefKind; value: number[]; onChange: (ids: number[]) => void }) {
	const { t } = useTranslation();
	const all = useRefs(props.kind) ?? [];
	const [filter, setFilter] = useState("");
	const nameOf = (id: number) => all.find((o) => o.ID === id)?.name ?? `#${id}`;
	const wanted = filter.trim().toLowerCase();
	const rest = all.filter((o) => !props.value.includes(o.ID) && o.name.toLowerCase().includes(wanted));
	return (
		<div className="yg-refs">
			<ul className="yg-chips" aria-label={t("refs.chosen", { what: props.label })}>
				{props.value.map((id) => (
					<li key={id}>
						<span>{nameOf(id)}</span>
						<button
							type="button"
							aria-label={t("refs.remove", { name: nameOf(id) })}
							onClick={() => props.onChange(props.value.filter((x) => x !== id))}
						>
							<Icon name="close" />
						</button>
					</li>
				))}
				{props.value.length === 0 && <li className="yg-note">{t("refs.none")}</li>}
			</ul>
			{all.length > OFFERED && (
				<TextInput
					type="search"
					aria-label={t("refs.filter", { what: props.label })}
					placeholder={t("grid.filter")}
					value={filter}
					onChange={(_e, v) => setFilter(v)}
				/>
			)}
			<div className="yg-offers">
				{rest.slice(0, OFFERED).map((o) => (
					<Button key={o.ID} variant="secondary" size="sm" onClick={() => props.onChange([...props.value, o.ID])}>
						{t("refs.add", { name: o.name })}
					</Button>
				))}
				{rest.length > OFFERED && (
					<span className="yg-note">{t("object.moreUsers", { count: rest.length - OFFERED })}</span>
				)}
			</div>
		</div>
	);
}
