import { Checkbox } from "@patternfly/react-core";
import { useTranslation } from "../i18n";
import { rightGroups, verbOf } from "./rights";

type Tree = Record<string, Record<string, Record<string, boolean>>>;

/** The rights of a role as a table: a row for each kind of object, a box for each deed. */
export default function Rights(props: { value: unknown; onChange: (value: Tree) => void }) {
	const { t, word } = useTranslation();
	const tree = (props.value ?? {}) as Tree;
	function set(area: string, group: string, names: readonly string[], on: boolean) {
		const now = { ...tree[area]?.[group] };
		for (const n of names) now[n] = on;
		props.onChange({ ...tree, [area]: { ...tree[area], [group]: now } });
	}
	return (
		<div className="yg-rights">
			{rightGroups
				.filter((a) => a.groups.length > 0)
				.map(({ area, groups }) => (
					<fieldset key={area}>
						<legend>{word("rightArea", area)}</legend>
						{groups.map(({ group, names }) => {
							const held = names.filter((n) => tree[area]?.[group]?.[n] === true).length;
							return (
								<fieldset key={group} className="yg-right" aria-label={word("rightGroup", group)}>
									<Checkbox
										id={`right-${area}-${group}`}
										label={word("rightGroup", group)}
										aria-label={t("right.all", { what: word("rightGroup", group) })}
										isChecked={held === names.length ? true : held === 0 ? false : null}
										onChange={(_e, on) => set(area, group, names, on)}
									/>
									<div className="yg-flags">
										{names.map((n) => {
											const verb = verbOf(n);
											return (
												<Checkbox
													key={n}
													id={`right-${n}`}
													label={verb ? word("rightVerb", verb) : word("right", n)}
													aria-label={`${word("rightGroup", group)}: ${verb ? word("rightVerb", verb) : word("right", n)}`}
													isChecked={tree[area]?.[group]?.[n] === true}
													onChange={(_e, on) => set(area, group, [n], on)}
												/>
											);
										})}
									</div>
								</fieldset>
							);
						})}
					</fieldset>
				))}
		</div>
	);
}
