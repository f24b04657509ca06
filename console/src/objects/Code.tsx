import { useEffect, useRef } from "react";
import { useTranslation } from "../i18n";
import { offsetOf, type Spot } from "./fields";

const ROWS_MIN = 8;
const ROWS_MAX = 30;

/** A text of a rule's language with its lines numbered; what the manager says of a place in it leads there. */
export function Code(props: {
	id: string;
	label: string;
	value: string;
	problem?: string;
	/** Where the problem is. */
	place?: Spot | null;
	readOnly?: boolean;
	onChange?: (text: string) => void;
}) {
	const { t } = useTranslation();
	const area = useRef<HTMLTextAreaElement>(null);
	const numbers = useRef<HTMLPreElement>(null);
	const lines = props.value.split("\n").length;
	const { place } = props;

	function follow() {
		if (numbers.current && area.current) numbers.current.scrollTop = area.current.scrollTop;
	}
	function leadTo() {
		const el = area.current;
		if (!el || !place) return;
		const from = offsetOf(props.value, place.line, place.column);
		el.focus();
		el.setSelectionRange(from, Math.min(from + 1, props.value.length));
		el.scrollTop = Math.max(0, (place.line - 4) * (el.scrollHeight / Math.max(1, lines)));
		follow();
	}
	useEffect(follow);
	return (
		<div className="yg-code">
			<pre ref={numbers} aria-hidden="true">
				{Array.from({ length: lines }, (_x, i) => (
					<span key={String(i)} className={place?.line === i + 1 ? "yg-wrong" : undefined}>{`${i + 1}\n`}</span>
				))}
			</pre>
			<textarea
				ref={area}
				id={props.id}
				aria-label={props.label}
				aria-invalid={props.problem ? true : undefined}
				aria-describedby={props.problem ? `${props.id}-problem` : undefined}
				rows={Math.min(ROWS_MAX, Math.max(ROWS_MIN, lines + 1))}
				wrap="off"
				spellCheck={false}
				readOnly={props.readOnly}
				value={props.value}
				onScroll={follow}
				onChange={(e) => props.onChange?.(e.target.value)}
			/>
			{place && (
				<button type="button" className="yg-link" onClick={leadTo}>
					{t("object.goToPlace", { line: place.line, column: place.column })}
				</button>
			)}
		</div>
	);
}
