import { useQuery } from "@tanstack/react-query";
import { call } from "../api/client";
import { useTranslation } from "../i18n";
import { Card, Nothing, Problem, Waiting } from "../ui/parts";

interface LogFile {
	path: string;
	format: string;
	size?: number;
	read?: number;
	lines: number;
	events: number;
	state: string;
}

/** The log files that a computer's agent found, and how far it has read them. */
export function Files(props: { id: number }) {
	const { t, word, number } = useTranslation();
	const files = useQuery({
		queryKey: ["computers", props.id, "loginspection", "files"],
		queryFn: () => call<{ logFiles: LogFile[] }>("GET", `/computers/${props.id}/loginspection/files`),
		refetchInterval: 10000,
	});
	if (files.error && !files.data) return <Problem error={files.error} retry={files.refetch} />;
	if (!files.data) return <Waiting />;
	if (files.data.logFiles.length === 0) return <Nothing title={t("logs.noFiles")} />;
	return (
		<Card title={t("logs.files")}>
			<table className="yg-table">
				<thead>
					<tr>
						<th scope="col">{t("logs.location")}</th>
						<th scope="col">{t("logs.format")}</th>
						<th scope="col">{t("computers.status")}</th>
						<th scope="col">{t("logs.read")}</th>
						<th scope="col">{t("logs.linesRead")}</th>
						<th scope="col">{t("network.tab.events")}</th>
					</tr>
				</thead>
				<tbody>
					{files.data.logFiles.map((f) => (
						<tr key={f.path}>
							<td>{f.path}</td>
							<td>{f.format}</td>
							<td>{word("logState", f.state)}</td>
							<td>{f.size === undefined ? "" : `${number(f.read ?? 0)} / ${number(f.size)}`}</td>
							<td>{number(f.lines)}</td>
							<td>{number(f.events)}</td>
						</tr>
					))}
				</tbody>
			</table>
		</Card>
	);
}
