import { Button, Title } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { call, type IdentifiedFile } from "../api";
import { useTranslation } from "../i18n";
import { DataTable, Listing, Row } from "../parts";

export function Files() {
	const { t, time, word } = useTranslation();
	const files = useQuery({
		queryKey: ["files"],
		queryFn: () => call<{ identifiedFiles: IdentifiedFile[] }>("GET", "/identifiedfiles"),
	});
	const list = files.data?.identifiedFiles ?? [];
	const deed = (f: IdentifiedFile, what: "restore" | "delete") =>
		call("POST", `/identifiedfiles/${f.ID}/${what}`, {}).finally(() => files.refetch());

	return (
		<>
			<Title headingLevel="h1">{t("nav.files")}</Title>
			<Listing
				loading={files.isLoading}
				error={files.error}
				retry={files.refetch}
				empty={list.length === 0 ? t("files.empty") : null}
			>
				<DataTable
					label={t("nav.files")}
					head={[
						t("files.path"),
						t("files.malware"),
						t("events.computer"),
						t("files.detected"),
						t("files.state"),
						t("computers.actions"),
					]}
				>
					{list.map((f) => (
						<Row
							key={f.ID}
							cells={[
								f.path,
								f.malware,
								f.hostName,
								time(f.detected),
								word("files", f.state),
								f.state === "quarantined" && (
									<>
										<Button variant="secondary" size="sm" onClick={() => deed(f, "restore")}>
											{t("files.restore")}
										</Button>{" "}
										<Button variant="danger" size="sm" onClick={() => deed(f, "delete")}>
											{t("files.delete")}
										</Button>
									</>
								),
							]}
						/>
					))}
				</DataTable>
			</Listing>
		</>
	);
}
