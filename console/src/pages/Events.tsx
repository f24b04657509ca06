import { FormSelect, FormSelectOption } from "@patternfly/react-core";
import { FileList } from "../antimalware/FileList";
import { useComputers } from "../api/queries";
import { EventList } from "../events/EventList";
import { EventPanel } from "../events/EventPanel";
import { type ClassName, classes, isClass } from "../events/load";
import { useTranslation } from "../i18n";
import { useSearch } from "../router/router";
import { Nothing, PageHead } from "../ui/parts";
import "../network/words";
import { nameOf } from "./Computers";

function ComputerChoice(props: { value: string; onChange: (id: string) => void }) {
	const { t } = useTranslation();
	const computers = useComputers().data ?? [];
	return (
		<FormSelect
			aria-label={t("events.computer")}
			className="yg-choice"
			value={props.value}
			onChange={(_e, v) => props.onChange(v)}
		>
			<FormSelectOption value="" label={t("events.allComputers")} />
			{computers.map((c) => (
				<FormSelectOption key={c.ID} value={String(c.ID)} label={nameOf(c)} />
			))}
		</FormSelect>
	);
}

function ClassEvents(props: { name: ClassName }) {
	const { t } = useTranslation();
	const [search, setSearch] = useSearch({ q: "", sort: "-logDate", cols: "", open: "", computer: "" });
	return (
		<>
			<PageHead title={t(classes[props.name].title)}>
				{props.name !== "system" && (
					<ComputerChoice value={search.computer} onChange={(computer) => setSearch({ computer })} />
				)}
			</PageHead>
			<EventList name={props.name} computer={search.computer} search={search} onSearch={setSearch} />
			{search.open && <EventPanel name={props.name} id={Number(search.open)} onClose={() => setSearch({ open: "" })} />}
		</>
	);
}

function Files() {
	const { t } = useTranslation();
	const [search, setSearch] = useSearch({ q: "", sort: "-detected", cols: "", computer: "" });
	return (
		<>
			<PageHead title={t("nav.files")}>
				<ComputerChoice value={search.computer} onChange={(computer) => setSearch({ computer })} />
			</PageHead>
			<FileList computer={search.computer} search={search} onSearch={setSearch} />
		</>
	);
}

export default function Events(props: { name: string }) {
	const { t } = useTranslation();
	if (props.name === "identifiedfiles") return <Files />;
	if (isClass(props.name)) return <ClassEvents name={props.name} />;
	return (
		<>
			<PageHead title={t("missing.title")} />
			<Nothing title={t("missing.text")} />
		</>
	);
}
