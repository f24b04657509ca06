import { useSearch } from "../router/router";
import { EventList } from "./EventList";
import { EventPanel } from "./EventPanel";
import type { ClassName } from "./load";

/** One class's events of one computer, as a part of its page. */
export function ComputerEvents(props: { name: ClassName; computer: string }) {
	const { name, computer } = props;
	const [search, setSearch] = useSearch({ q: "", sort: "-logDate", cols: "", open: "" });
	return (
		<>
			<EventList name={name} computer={computer} search={search} onSearch={setSearch} />
			{search.open && <EventPanel name={name} id={Number(search.open)} onClose={() => setSearch({ open: "" })} />}
		</>
	);
}
