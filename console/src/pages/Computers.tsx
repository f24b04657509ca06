import {
	Button,
	ClipboardCopy,
	Modal,
	ModalBody,
	ModalFooter,
	ModalHeader,
	Title,
	Toolbar,
	ToolbarContent,
	ToolbarItem,
} from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { type Computer, call, type Job } from "../api";
import { useTranslation } from "../i18n";
import { DataTable, Listing, Row } from "../parts";

interface Question {
	text: string;
	yes: string;
	act: () => Promise<unknown>;
}

export function Computers(props: { jobs: Job[] }) {
	const { t, time, word } = useTranslation();
	const [command, setCommand] = useState<string | null>(null);
	const [question, setQuestion] = useState<Question | null>(null);
	const computers = useQuery({
		queryKey: ["computers"],
		queryFn: () => call<{ computers: Computer[] }>("GET", "/computers?expand=computerStatus,antiMalware"),
	});
	const list = computers.data?.computers ?? [];

	async function add() {
		const answer = await call<{ command: string }>("POST", "/agentdeploymentscripts", {
			platform: "linux",
			activationRequired: true,
		});
		setCommand(answer.command);
	}

	function scanText(c: Computer): string | null {
		const job = props.jobs.filter((j) => j.computerID === c.ID && j.kind === "malware-scan").at(-1);
		if (!job) return null;
		return t("computers.scanning", {
			state: word("job", job.state),
			files: job.progress?.files ?? 0,
			found: job.progress?.found ?? 0,
		});
	}

	function actions(c: Computer) {
		const name = c.displayName || c.hostName;
		const managed = c.computerStatus.agentStatusMessages[0]?.startsWith("Managed");
		return (
			<>
				{managed && (
					<>
						<Button variant="secondary" size="sm" onClick={() => call("POST", `/computers/${c.ID}/malwarescan`, {})}>
							{t("computers.scan")}
						</Button>{" "}
						<Button
							variant="secondary"
							size="sm"
							onClick={() =>
								setQuestion({
									text: t("computers.confirmDeactivate", { name }),
									yes: t("computers.deactivate"),
									act: () => call("POST", `/computers/${c.ID}/deactivate`, {}),
								})
							}
						>
							{t("computers.deactivate")}
						</Button>{" "}
					</>
				)}
				<Button
					variant="danger"
					size="sm"
					onClick={() =>
						setQuestion({
							text: t("computers.confirmDelete", { name }),
							yes: t("computers.delete"),
							act: () => call("DELETE", `/computers/${c.ID}`),
						})
					}
				>
					{t("computers.delete")}
				</Button>
			</>
		);
	}

	return (
		<>
			<Title headingLevel="h1">{t("nav.computers")}</Title>
			<Toolbar>
				<ToolbarContent>
					<ToolbarItem>
						<Button onClick={add}>{t("computers.add")}</Button>
					</ToolbarItem>
				</ToolbarContent>
			</Toolbar>
			<Listing
				loading={computers.isLoading}
				error={computers.error}
				retry={computers.refetch}
				empty={list.length === 0 ? t("computers.empty") : null}
			>
				<DataTable
					label={t("nav.computers")}
					head={[
						t("computers.name"),
						t("computers.status"),
						t("computers.antimalware"),
						t("computers.platform"),
						t("computers.seen"),
						t("computers.actions"),
					]}
				>
					{list.map((c) => (
						<Row
							key={c.ID}
							cells={[
								c.displayName || c.hostName,
								c.computerStatus.agentStatusMessages.map((m) => word("status", m)).join(", "),
								<>
									{c.antiMalware.moduleStatus.agentStatusMessage}
									{scanText(c) && <div>{scanText(c)}</div>}
								</>,
								c.platform,
								time(c.lastAgentCommunication),
								actions(c),
							]}
						/>
					))}
				</DataTable>
			</Listing>
			<Modal variant="medium" isOpen={command !== null} onClose={() => setCommand(null)} aria-labelledby="add-title">
				<ModalHeader title={t("computers.add")} labelId="add-title" />
				<ModalBody>
					<p>{t("computers.addText")}</p>
					<ClipboardCopy
						isReadOnly
						hoverTip={t("common.copy")}
						clickTip={t("common.copied")}
						textAriaLabel={t("computers.add")}
						toggleAriaLabel={t("computers.add")}
					>
						{command ?? ""}
					</ClipboardCopy>
				</ModalBody>
				<ModalFooter>
					<Button onClick={() => setCommand(null)}>{t("common.close")}</Button>
				</ModalFooter>
			</Modal>
			<Modal variant="small" isOpen={question !== null} onClose={() => setQuestion(null)} aria-labelledby="ask-title">
				<ModalHeader title={question?.text ?? ""} labelId="ask-title" />
				<ModalFooter>
					<Button
						variant="danger"
						onClick={() => {
							question?.act().finally(() => computers.refetch());
							setQuestion(null);
						}}
					>
						{question?.yes}
					</Button>
					<Button variant="link" onClick={() => setQuestion(null)}>
						{t("common.cancel")}
					</Button>
				</ModalFooter>
			</Modal>
		</>
	);
}
