import { Alert, Button, EmptyState, EmptyStateBody, Spinner } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { useTranslation } from "./i18n";

/** Loading, failed, empty, or the content: every list has all four. */
export function Listing(props: {
	loading: boolean;
	error: Error | null;
	retry: () => void;
	empty: string | null;
	children: ReactNode;
}) {
	const { t } = useTranslation();
	if (props.loading) return <Spinner aria-label={t("common.loading")} />;
	if (props.error)
		return (
			<Alert
				variant="danger"
				isInline
				title={t("common.error", { message: props.error.message })}
				actionLinks={
					<Button variant="link" onClick={props.retry}>
						{t("common.retry")}
					</Button>
				}
			/>
		);
	if (props.empty)
		return (
			<EmptyState>
				<EmptyStateBody>{props.empty}</EmptyStateBody>
			</EmptyState>
		);
	return props.children;
}

export function DataTable(props: { label: string; head: string[]; children: ReactNode }) {
	return (
		// A wide table scrolls by itself; the keyboard has to reach it to do so.
		<section className="yg-scroll" aria-label={props.label} tabIndex={0}>
			<table className="pf-v6-c-table pf-m-compact" aria-label={props.label}>
				<thead className="pf-v6-c-table__thead">
					<tr className="pf-v6-c-table__tr">
						{props.head.map((h) => (
							<th key={h} scope="col" className="pf-v6-c-table__th">
								{h}
							</th>
						))}
					</tr>
				</thead>
				<tbody className="pf-v6-c-table__tbody">{props.children}</tbody>
			</table>
		</section>
	);
}

export function Row(props: { cells: ReactNode[] }) {
	return (
		<tr className="pf-v6-c-table__tr">
			{props.cells.map((c, i) => (
				// biome-ignore lint/suspicious/noArrayIndexKey: a row's cells are its columns, in their fixed order
				<td key={i} className="pf-v6-c-table__td">
					{c}
				</td>
			))}
		</tr>
	);
}
