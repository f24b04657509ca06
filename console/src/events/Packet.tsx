import { Button } from "@patternfly/react-core";
import { useMemo } from "react";
import { useTranslation } from "../i18n";
import { Icon } from "../ui/icons";
import { bytesOf, dumpOf, dumpText } from "./dump";

/** The packet of an event, byte by byte; `mark`: where in it something was found. */
export function Packet(props: { base64: string; mark?: number; cut: boolean }) {
	const { t, number } = useTranslation();
	const lines = useMemo(() => dumpOf(bytesOf(props.base64), props.mark), [props.base64, props.mark]);
	const size = lines.reduce((sum, l) => sum + l.bytes.length, 0);
	return (
		<section className="yg-packet" aria-label={t("events.packet")}>
			<header>
				<h3>{t("events.packet")}</h3>
				<span className="yg-note">
					{t(props.cut ? "events.packetCut" : "events.packetSize", { count: number(size) })}
				</span>
				<Button
					variant="plain"
					aria-label={t("common.copy")}
					icon={<Icon name="copy" />}
					onClick={() => navigator.clipboard?.writeText(dumpText(lines))}
				/>
			</header>
			<pre tabIndex={0}>
				{lines.map((l) => (
					<span key={l.offset} className="yg-dump">
						<span className="yg-note">{l.offset}</span>
						<span>
							{l.bytes.map((b, i) =>
								b.marked ? <mark key={String(i)}>{b.hex}</mark> : <span key={String(i)}>{b.hex}</span>,
							)}
						</span>
						<span>{l.bytes.map((b, i) => (b.marked ? <mark key={String(i)}>{b.text}</mark> : b.text))}</span>
					</span>
				))}
			</pre>
		</section>
	);
}
