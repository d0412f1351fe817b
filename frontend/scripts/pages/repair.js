import { call, Problem } from "../lib/api.js";
import { deadlineWords, eventWords, longDay } from "../lib/dates.js";
import { fill, fragment, h, one, setTitle, show } from "../lib/dom.js";
import { memberPage } from "../lib/page.js";
import { factRow, repairDue, repairName, tag } from "../lib/show.js";
import { dutyStateWords, dutyWords, happenedWords, priorityWords, repairFinished, repairWords } from "../lib/words.js";

memberPage(async () => {
  if (!fragment()) throw new Problem({ status: 404 });
  const { body: repair } = await call("GET", `/repairs/${encodeURIComponent(fragment())}`);
  const name = repairName(repair);
  one("#heading").textContent = name;
  setTitle("", name);
  fill("#status", tag(repairWords(repair.status), repairFinished(repair.status) ? "done" : ""), ` ${priorityWords(repair.priority)}`);
  const due = repairDue(repair);
  show("#deadline", Boolean(due));
  fill("#deadline", due && [h("p", { class: "govuk-body" }, "We aim to finish it"), h("p", { class: "app-date" }, due)]);
  drawDuties(repair.duties ?? []);
  drawEvents(repair);
  fill(
    "#facts",
    factRow("Reference", repair.reference),
    repair.place && factRow("Where", repair.place),
    factRow("Reported", eventWords(repair.reported_at)),
    repair.completed_on && factRow("Finished", longDay(repair.completed_on)),
    (repair.answers ?? []).map(({ text, answer }) => (text && answer ? factRow(text, answer) : null)),
    repair.description && factRow("Details", repair.description),
    repair.access_notes && factRow("Getting in", repair.access_notes),
  );
});

addEventListener("hashchange", () => location.reload());

function drawDuties(duties) {
  show("#duties", duties.length > 0);
  fill(
    "#duties",
    h("h2", { class: "govuk-heading-m" }, "What the law asks of us, and by when"),
    h("dl", { class: "govuk-summary-list" }, duties.map((duty) => factRow(dutyWords(duty.duty), [duty.due_at ? upper(deadlineWords(duty.due_at)) : "After the step before it", h("br"), tag(dutyStateWords(duty.state), DUTY_TONE[duty.state] ?? "quiet")]))),
  );
}

const DUTY_TONE = { met: "done", missed: "bad", due: "" };

const upper = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function drawEvents(repair) {
  const events = repair.events?.length ? [...repair.events] : [{ at: repair.reported_at, event: "reported", note: "" }];
  events.sort((one, other) => Date.parse(other.at) - Date.parse(one.at));
  fill(
    "#events",
    events.map(({ at, event, note }) => h("li", {}, h("time", { datetime: at }, eventWords(at)), h("p", {}, h("strong", {}, happenedWords(event))), note && h("p", {}, note))),
  );
}
