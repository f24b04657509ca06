import { Button } from "@patternfly/react-core";
import { useMemo } from "react";
import { useTranslation } from "../i18n";
import { Icon } from "../ui/icons";
import { bytesOf, dumpOf, dumpText } from "./dump";

/** The packet of an event, byte by byte. */
export function Packet(props: { base64: string; cut: boolean }) {
	const { t, number } = useTranslation();
	const lines = useMemo(() => dumpOf(bytesOf(props.base64)), [props.base64]);
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
							{l.bytes.map((b, i) => (
								<span key={String(i)}>{b.hex}</span>
							))}
						</span>
						<span>{l.bytes.map((b) => b.text).join("")}</span>
					</span>
				))}
			</pre>
		</section>
	);
}
