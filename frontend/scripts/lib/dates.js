/**
 * Days and moments as a tenant says them, always in Europe/London, whatever the device's own zone is.
 *
 * A day is an ISO date (`2026-12-07`) and has no zone; a moment is an ISO instant (`2026-12-07T04:00:00Z`).
 */

const ZONE = "Europe/London";

const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/** The parts of a moment on London's clock. */
function london(moment) {
  const parts = Object.fromEntries(
    new Intl.DateTimeFormat("en-GB", {
      timeZone: ZONE,
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
      hourCycle: "h23",
    })
      .formatToParts(new Date(moment))
      .map(({ type, value }) => [type, Number(value)]),
  );
  return parts;
}

/** Today's ISO date in London. */
export function today(now = new Date()) {
  const { year, month, day } = london(now);
  return isoDay(year, month, day);
}

/** An ISO date of its numbers. */
export function isoDay(year, month, day) {
  return `${String(year).padStart(4, "0")}-${String(month).padStart(2, "0")}-${String(day).padStart(2, "0")}`;
}

/** "7 December 2026" for `2026-12-07`. */
export function shortDay(day) {
  const [year, month, date] = day.split("-").map(Number);
  return `${date} ${MONTHS[month - 1]} ${year}`;
}

/** "December 2026" for a day in it. */
export function monthWords(day) {
  const [year, month] = day.split("-").map(Number);
  return `${MONTHS[month - 1]} ${year}`;
}

/** "Monday 7 December", with the year where it is not this one. */
export function longDay(day, now = new Date()) {
  const [year, month, date] = day.split("-").map(Number);
  const weekday = DAYS[new Date(Date.UTC(year, month - 1, date)).getUTCDay()];
  const shown = `${weekday} ${date} ${MONTHS[month - 1]}`;
  return year === london(now).year ? shown : `${shown} ${year}`;
}

/** "today, Tuesday 24 November", "tomorrow, …", or the day alone. */
export function nearDay(day, now = new Date()) {
  const apart = Math.round((Date.parse(`${day}T00:00:00Z`) - Date.parse(`${today(now)}T00:00:00Z`)) / 86_400_000);
  const near = { "-1": "yesterday", 0: "today", 1: "tomorrow" }[apart];
  return near ? `${near}, ${longDay(day, now)}` : longDay(day, now);
}

/** The ISO date on which a moment falls in London. */
export function dayOf(moment) {
  const { year, month, day } = london(moment);
  return isoDay(year, month, day);
}

/** "4am", "4:30pm", "midday", "midnight": a moment's time on London's clock. */
export function clock(moment) {
  const { hour, minute } = london(moment);
  if (minute === 0 && hour === 0) return "midnight";
  if (minute === 0 && hour === 12) return "midday";
  const minutes = minute ? `:${String(minute).padStart(2, "0")}` : "";
  return `${hour % 12 || 12}${minutes}${hour < 12 ? "am" : "pm"}`;
}

/** "4am on Wednesday 25 November". */
export function momentWords(moment, now = new Date()) {
  return `${clock(moment)} on ${longDay(dayOf(moment), now)}`;
}

/** A moment, or the day alone where midnight stands for a day of which no time is known. */
export function eventWords(moment, now = new Date()) {
  const { hour, minute, second } = london(moment);
  return hour || minute || second ? momentWords(moment, now) : longDay(dayOf(moment), now);
}

/** "by 4pm on Wednesday 25 November"; a deadline that ends with its day is "by the end of Wednesday 25 November". */
export function deadlineWords(moment, now = new Date()) {
  const { hour, minute } = london(moment);
  const day = longDay(dayOf(moment), now);
  return hour === 23 && minute === 59 ? `by the end of ${day}` : `by ${clock(moment)} on ${day}`;
}

/** "a minute", "20 minutes", "3 hours": how long to wait, never less than it is. */
export function waitWords(seconds) {
  if (!(seconds > 60)) return "a minute";
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.ceil(minutes / 60);
  return hours === 1 ? "an hour" : `${hours} hours`;
}

/** The number of a month said in words or figures: "jan", "January", "sept", "1"; otherwise null. */
export function monthNumber(text) {
  const said = text.trim().toLowerCase().replace(/\.$/, "");
  if (/^\d{1,2}$/.test(said)) return Number(said);
  if (said.length < 3) return null;
  const found = MONTHS.findIndex((month) => month.toLowerCase().startsWith(said));
  if (found >= 0) return found + 1;
  return said === "sept" ? 9 : null;
}

/**
 * Three fields read as one day.
 *
 * @param {{day: string, month: string, year: string}} typed
 * @param {{label: string, optional?: boolean, mayBeToday?: boolean, now?: Date}} rules `label` begins the message:
 *   "Date of birth"
 * @returns {{day: string|null} | {message: string, parts: string[]}} an ISO date (null where nothing was typed and
 *   nothing need be), or the message and the parts to mend: missing first, then impossible, then what else is wrong.
 */
export function readDay(typed, { label, optional = false, mayBeToday = false, now = new Date() }) {
  const given = Object.fromEntries(["day", "month", "year"].map((part) => [part, (typed[part] ?? "").trim()]));
  const missing = Object.keys(given).filter((part) => !given[part]);
  if (missing.length === 3) {
    return optional ? { day: null } : { message: `Enter your ${lowerFirst(label)}`, parts: missing };
  }
  if (missing.length) return { message: `${label} must include a ${missing.join(" and ")}`, parts: missing };

  if (/^\d{2}$/.test(given.year)) return { message: `${label} must include all 4 numbers of the year`, parts: ["year"] };
  const day = /^\d{1,2}$/.test(given.day) ? Number(given.day) : null;
  const month = monthNumber(given.month);
  const year = /^\d{4}$/.test(given.year) ? Number(given.year) : null;
  const wrong = [];
  if (day === null || day < 1 || day > 31) wrong.push("day");
  if (month === null || month < 1 || month > 12) wrong.push("month");
  if (year === null) wrong.push("year");
  const real = new Date(Date.UTC(year ?? 2000, (month ?? 1) - 1, day ?? 1));
  if (!wrong.length && (real.getUTCMonth() !== month - 1 || real.getUTCDate() !== day)) wrong.push("day", "month", "year");
  if (wrong.length) return { message: `${label} must be a real date`, parts: wrong };

  const iso = isoDay(year, month, day);
  const parts = ["day", "month", "year"];
  if (mayBeToday && iso > today(now)) return { message: `${label} must be today or in the past`, parts };
  if (!mayBeToday && iso >= today(now)) return { message: `${label} must be in the past`, parts };
  return { day: iso };
}

function lowerFirst(text) {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
