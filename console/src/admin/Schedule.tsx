import { TextInput } from "@patternfly/react-core";
import { useTranslation } from "../i18n";
import { Choice, Labelled, Numeral, Several, Zone } from "./parts";
import { timeAt, wallOf } from "./wall";

type Part = Record<string, unknown>;
const recurrences = ["none", "hourly", "daily", "weekly", "monthly"] as const;
const days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const months = [
	"january",
	"february",
	"march",
	"april",
	"may",
	"june",
	"july",
	"august",
	"september",
	"october",
	"november",
	"december",
];
const minutes = Array.from({ length: 12 }, (_x, i) => String(i * 5));
const partOf = {
	none: "onceOnlyScheduleParameters",
	hourly: "hourlyScheduleParameters",
	daily: "dailyScheduleParameters",
	weekly: "weeklyScheduleParameters",
	monthly: "monthlyScheduleParameters",
} as const;

function Start(props: { label: string; zone: string; part: Part; onChange: (part: Part) => void }) {
	const start = props.part.startTime;
	return (
		<Labelled label={props.label}>
			{(id) => (
				<TextInput
					id={id}
					type="datetime-local"
					className="yg-when"
					value={typeof start === "number" ? wallOf(props.zone, start) : ""}
					onChange={(_e, v) => props.onChange({ ...props.part, startTime: timeAt(props.zone, v) ?? undefined })}
				/>
			)}
		</Labelled>
	);
}

function Daily(props: { part: Part; onChange: (part: Part) => void }) {
	const { t } = useTranslation();
	const type = String(props.part.frequencyType ?? "everyday");
	return (
		<>
			<Choice
				label={t("task.days")}
				words="taskDaily"
				choices={["everyday", "weekdays", "custom"]}
				value={type}
				onChange={(v) =>
					props.onChange({ ...props.part, frequencyType: v, customInterval: v === "custom" ? 2 : undefined })
				}
			/>
			{type === "custom" && (
				<Numeral
					label={t("task.everyDays")}
					min={1}
					max={3650}
					value={Number(props.part.customInterval ?? 2)}
					onChange={(v) => props.onChange({ ...props.part, customInterval: v })}
				/>
			)}
		</>
	);
}

function Weekly(props: { part: Part; onChange: (part: Part) => void }) {
	const { t } = useTranslation();
	return (
		<>
			<Several
				label={t("task.onDays")}
				words="day"
				choices={days}
				value={(props.part.days as string[]) ?? []}
				onChange={(v) => props.onChange({ ...props.part, days: v })}
			/>
			<Numeral
				label={t("task.everyWeeks")}
				min={1}
				max={520}
				value={Number(props.part.interval ?? 1)}
				onChange={(v) => props.onChange({ ...props.part, interval: v })}
			/>
		</>
	);
}

function Monthly(props: { part: Part; onChange: (part: Part) => void }) {
	const { t } = useTranslation();
	const { part, onChange } = props;
	const type = String(part.frequencyType ?? "day-of-month");
	const chosen = ((part.months as string[]) ?? []).map((m) => (m === "feburary" ? "february" : m));
	return (
		<>
			<Choice
				label={t("task.dayOfMonth")}
				words="taskMonthly"
				choices={["day-of-month", "last-day-of-month", "custom"]}
				value={type}
				onChange={(v) =>
					onChange({
						...part,
						frequencyType: v,
						dayOfMonth: v === "day-of-month" ? 1 : undefined,
						weekOfMonth: v === "custom" ? "first" : undefined,
						dayOfWeek: v === "custom" ? "monday" : undefined,
					})
				}
			/>
			{type === "day-of-month" && (
				<Numeral
					label={t("task.day")}
					min={1}
					max={31}
					value={Number(part.dayOfMonth ?? 1)}
					onChange={(v) => onChange({ ...part, dayOfMonth: v })}
				/>
			)}
			{type === "custom" && (
				<>
					<Choice
						label={t("task.week")}
						words="taskWeek"
						choices={["first", "second", "third", "fourth", "last"]}
						value={String(part.weekOfMonth ?? "first")}
						onChange={(v) => onChange({ ...part, weekOfMonth: v })}
					/>
					<Choice
						label={t("task.weekday")}
						words="day"
						choices={days}
						value={String(part.dayOfWeek ?? "monday")}
						onChange={(v) => onChange({ ...part, dayOfWeek: v })}
					/>
				</>
			)}
			<Several
				label={t("task.months")}
				words="month"
				choices={months}
				value={chosen}
				onChange={(v) => onChange({ ...part, months: v.length ? v : undefined })}
			/>
		</>
	);
}

/** When a task runs: how often, on which days, from when on, by the clock of which place. */
export default function Schedule(props: { value: unknown; onChange: (value: Part) => void }) {
	const { t } = useTranslation();
	const all = (props.value ?? {}) as Part;
	const zone = String(all.timeZone ?? "UTC");
	const type = (recurrences.find((r) => r === all.recurrenceType) ?? "none") as keyof typeof partOf;
	const part = (all[partOf[type]] ?? {}) as Part;
	const set = (p: Part) => props.onChange({ ...all, [partOf[type]]: p });
	return (
		<div className="yg-schedule">
			<Choice
				label={t("task.recurrence")}
				words="recurrence"
				choices={recurrences}
				value={type}
				onChange={(v) =>
					props.onChange({
						timeZone: zone,
						recurrenceType: v,
						...(v === "weekly" ? { weeklyScheduleParameters: { days: ["monday"] } } : {}),
						...(v === "monthly" ? { monthlyScheduleParameters: { dayOfMonth: 1 } } : {}),
					})
				}
			/>
			{type === "hourly" && (
				<Choice
					label={t("task.minutes")}
					words="minute"
					choices={minutes}
					value={String(part.minutesPastTheHour ?? "0")}
					onChange={(v) => set({ minutesPastTheHour: v })}
				/>
			)}
			{type === "daily" && <Daily part={part} onChange={set} />}
			{type === "weekly" && <Weekly part={part} onChange={set} />}
			{type === "monthly" && <Monthly part={part} onChange={set} />}
			{type !== "hourly" && (
				<Start label={t(type === "none" ? "task.at" : "task.from")} zone={zone} part={part} onChange={set} />
			)}
			<Zone label={t("task.zone")} value={zone} onChange={(v) => props.onChange({ ...all, timeZone: v })} />
		</div>
	);
}
