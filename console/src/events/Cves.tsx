/** CVE numbers as links to their records. */
export function Cves(props: { of: unknown }) {
	const list = Array.isArray(props.of) ? (props.of as string[]) : [];
	return (
		<span className="yg-module">
			{list.map((cve) => (
				<a
					key={cve}
					href={`https://www.cve.org/CVERecord?id=${encodeURIComponent(cve)}`}
					target="_blank"
					rel="noreferrer"
				>
					{cve}
				</a>
			))}
		</span>
	);
}
