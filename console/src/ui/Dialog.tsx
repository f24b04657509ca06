import { Button } from "@patternfly/react-core";
import { type ReactNode, useEffect, useId, useRef } from "react";
import { useTranslation } from "../i18n";
import { Icon } from "./icons";

/** The browser's own modal dialog: focus stays inside, Esc closes, the rest of the page is inert. */
export function Dialog(props: { title: string; onClose: () => void; children?: ReactNode; footer: ReactNode }) {
	const { t } = useTranslation();
	const ref = useRef<HTMLDialogElement>(null);
	const id = useId();
	useEffect(() => {
		const dialog = ref.current;
		if (dialog && !dialog.open) dialog.showModal();
	}, []);
	return (
		<dialog ref={ref} className="yg-dialog" aria-labelledby={id} onClose={props.onClose}>
			<header>
				<h2 id={id}>{props.title}</h2>
				<Button variant="plain" aria-label={t("common.close")} onClick={props.onClose} icon={<Icon name="close" />} />
			</header>
			<div className="yg-dialog-body">{props.children}</div>
			<footer>{props.footer}</footer>
		</dialog>
	);
}

export interface Question {
	title: string;
	text: string;
	yes: string;
	danger?: boolean;
	act: () => void;
}

export function Ask(props: { question: Question; onClose: () => void }) {
	const { t } = useTranslation();
	const { question } = props;
	return (
		<Dialog
			title={question.title}
			onClose={props.onClose}
			footer={
				<>
					<Button
						variant={question.danger ? "danger" : "primary"}
						onClick={() => {
							question.act();
							props.onClose();
						}}
					>
						{question.yes}
					</Button>
					<Button variant="link" onClick={props.onClose}>
						{t("common.cancel")}
					</Button>
				</>
			}
		>
			<p>{question.text}</p>
		</Dialog>
	);
}
