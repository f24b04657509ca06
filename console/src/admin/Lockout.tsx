import { Button } from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { call } from "../api/client";
import { useTranslation } from "../i18n";
import type { Item } from "../objects/kinds";
import { Card, Facts, Problem } from "../ui/parts";

/** How a user signs in: second factor, last time, failures; and letting in again whoever is locked out. */
export default function Lockout(props: { object: Item }) {
	const { t, time, number, word } = useTranslation();
	const client = useQueryClient();
	const { object } = props;
	const unlock = useMutation({
		mutationFn: () => call("POST", `/administrators/${object.ID}`, { unlockTime: 0 }),
		onSettled: () => client.invalidateQueries({ queryKey: ["objects", "administrators"] }),
	});
	const until = Number(object.unlockTime ?? 0);
	const locked = until > Date.now();
	return (
		<Card
			title={t("user.state")}
			actions={
				locked && (
					<Button variant="secondary" isDisabled={unlock.isPending} onClick={() => unlock.mutate()}>
						{t("user.unlock")}
					</Button>
				)
			}
		>
			{unlock.error && <Problem error={unlock.error} />}
			<Facts
				items={[
					[t("user.lastSignIn"), object.lastSignIn ? time(Number(object.lastSignIn)) : t("user.never")],
					[t("user.secondFactor"), word("mfa", String(object.mfaType ?? "none"))],
					[t("user.failures"), number(Number(object.unsuccessfulSignInAttempts ?? 0))],
					[t("user.lockedUntil"), locked ? time(until) : t("common.no")],
					[t("user.passwordSet"), object.lastPasswordChange ? time(Number(object.lastPasswordChange)) : "–"],
				]}
			/>
		</Card>
	);
}
