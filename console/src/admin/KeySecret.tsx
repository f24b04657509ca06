import { Button } from "@patternfly/react-core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { call } from "../api/client";
import { useTranslation } from "../i18n";
import type { Item } from "../objects/kinds";
import { Dialog } from "../ui/Dialog";
import { Card, Copy, Problem } from "../ui/parts";

/** A new secret for an API key: the one before it is worth nothing from then on. */
export default function KeySecret(props: { object: Item }) {
	const { t } = useTranslation();
	const [asked, setAsked] = useState(false);
	const make = useMutation({
		mutationFn: () => call<{ secretKey: string }>("POST", `/apikeys/${props.object.ID}/secretkey`, {}),
	});
	const close = () => {
		setAsked(false);
		make.reset();
	};
	return (
		<Card
			title={t("key.secret")}
			actions={
				<Button variant="secondary" onClick={() => setAsked(true)}>
					{t("key.renew")}
				</Button>
			}
		>
			<p className="yg-note">{t("key.secretNote")}</p>
			{asked && (
				<Dialog
					title={t("key.renew")}
					onClose={close}
					footer={
						make.data ? (
							<Button onClick={close}>{t("secret.kept")}</Button>
						) : (
							<>
								<Button variant="danger" isDisabled={make.isPending} onClick={() => make.mutate()}>
									{t("key.renew")}
								</Button>
								<Button variant="link" onClick={close}>
									{t("common.cancel")}
								</Button>
							</>
						)
					}
				>
					{make.error && <Problem error={make.error} />}
					{make.data ? (
						<>
							<p>{t("secret.text")}</p>
							<Copy text={make.data.secretKey} label={t("secret.label")} rows={3} />
						</>
					) : (
						<p>{t("key.renewText", { name: props.object.name })}</p>
					)}
				</Dialog>
			)}
		</Card>
	);
}
