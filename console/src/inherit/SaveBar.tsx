import { Button } from "@patternfly/react-core";
import { useTranslation } from "../i18n";
import { useProblemText } from "../ui/parts";
import { useEditor } from "./Editor";

/** Says what a save would touch before it is done. */
export function SaveBar() {
	const { t } = useTranslation();
	const text = useProblemText();
	const { draft, save, discard, saving, error, affected } = useEditor();
	return (
		<div role="status" className={draft.size ? "yg-save" : "yg-hidden"}>
			{draft.size > 0 && (
				<>
					<span>
						{t("editor.changes", { count: draft.size })} ·{" "}
						{t("editor.affects", { count: affected.all, offline: affected.offline })}
					</span>
					{error && <span className="yg-wrong">{text(error)}</span>}
					<span className="yg-space" />
					<Button onClick={save} isDisabled={saving} isLoading={saving}>
						{t("editor.save")}
					</Button>
					<Button variant="link" onClick={discard} isDisabled={saving}>
						{t("editor.discard")}
					</Button>
				</>
			)}
		</div>
	);
}
