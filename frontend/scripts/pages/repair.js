import { call, Problem } from "../lib/api.js";
import { deadlineWords, eventWords, longDay } from "../lib/dates.js";
import { fill, fragment, h, moveTo, one, setTitle, show } from "../lib/dom.js";
import { Checks, onSubmit, text } from "../lib/forms.js";
import { memberPage } from "../lib/page.js";
import { showPhotos } from "../lib/photos.js";
import { factRow, p, repairDue, repairName, tag } from "../lib/show.js";
import { dutyStateWords, dutyWords, happenedWords, priorityWords, repairFinished, repairWords, visitWords } from "../lib/words.js";

memberPage(async () => {
  if (!fragment()) throw new Problem({ status: 404 });
  draw((await call("GET", `/repairs/${encodeURIComponent(fragment())}`)).body);
});

addEventListener("hashchange", () => location.reload());

function draw(repair) {
  const name = repairName(repair);
  const finished = repairFinished(repair.status);
  one("#heading").textContent = name;
  setTitle("", name);
  fill("#status", tag(repairWords(repair.status), finished ? "done" : ""), ` ${priorityWords(repair.priority)}`);
  const due = repairDue(repair);
  show("#deadline", Boolean(due));
  fill("#deadline", due && [h("p", { class: "govuk-body" }, "We aim to finish it"), h("p", { class: "app-date" }, due)]);
  one("#next").textContent = repair.next_step;
  drawVisit(repair);
  drawDuties(repair);
  drawSummary(repair.summary);
  drawEvents(repair);
  fill(
    "#facts",
    factRow("Reference", repair.reference),
    repair.place && factRow("Where", repair.place),
    factRow("Reported", eventWords(repair.reported_at)),
    repair.completed_on && factRow("Finished", longDay(repair.completed_on)),
    (repair.answers ?? []).map(({ text: question, answer }) => (question && answer ? factRow(question, answer) : null)),
    repair.description && factRow("Details", repair.description),
    repair.access_notes && factRow("Getting in", repair.access_notes),
    repair.rating && factRow("How it was", `${repair.rating} of 5`),
  );
  showPhotos(repair.repair_id, !finished);
  show("#open-part", !finished);
  show("#reopen-part", repair.can_reopen);
  show("#rating-part", finished && repair.status !== "cancelled" && !repair.rating);
}

function drawVisit(repair) {
  const { appointment } = repair;
  const finished = repairFinished(repair.status);
  show("#visit", !finished);
  if (finished) return;
  const choose = `/repairs/visit/#${repair.repair_id}`;
  fill(
    "#visit",
    h("h2", { class: "govuk-heading-m" }, "When we come"),
    appointment && h("p", { class: "app-date" }, upper(visitWords(appointment))),
    !appointment && h("p", { class: "govuk-body" }, "No visit is booked yet. Choose a time, or we will ring you."),
    h(
      "div",
      { class: "app-buttons" },
      h("a", { class: "govuk-button", href: choose }, appointment ? "Change or cancel the visit" : "Choose a time"),
      appointment && h("a", { class: "govuk-link app-action", href: `/api/repairs/${encodeURIComponent(repair.repair_id)}/appointment.ics`, download: true }, "Add to your calendar"),
    ),
  );
}

/** Send what the tenant does, show the repair as it is then, and say that it was done. */
function change(what, read, words) {
  onSubmit(`#${what}`, async (form) => {
    const checks = new Checks();
    const body = read(form, checks);
    checks.done();
    const { body: repair } = await call("POST", `/repairs/${encodeURIComponent(fragment())}/${what}`, { body });
    form.reset();
    draw(repair);
    fill("#done", p(words));
    show("#done");
    moveTo(one("#done"));
    one("#done").scrollIntoView({ block: "center" });
  });
}

const said = (name, value) => (value ? { [name]: value } : {});

change("notes", (form, checks) => ({ text: checks.needed(form, "text", "Tell us what we should know") }), "We have added that to your repair.");
change("cancel", (form) => said("reason", text(form, "reason")), "This repair is cancelled. If it still needs mending, report it again.");
change("reopen", (form, checks) => ({ reason: checks.needed(form, "reason", "Tell us what is still wrong") }), "It is open again. We will be in touch to arrange a time.");
change("rating", (form, checks) => ({ rating: Number(checks.picked(form, "rating", "Choose how it was")), ...said("comment", text(form, "comment")) }), "Thank you for telling us.");

one("#print").addEventListener("click", () => print());

const DUTY_TONE = { met: "done", missed: "bad", due: "" };

const upper = (words) => words.charAt(0).toUpperCase() + words.slice(1);

function drawDuties({ duties = [], events = [], reported_at: reportedAt }) {
  show("#duties", duties.length > 0);
  const again = events.filter(({ event }) => event === "reopened").at(-1);
  fill(
    "#duties",
    h("h2", { class: "govuk-heading-m" }, "The law’s clock on your report"),
    p("It may be a danger to health, so the law sets dates for us. Days are counted without weekends and bank holidays. An emergency is counted in hours, day and night."),
    h(
      "dl",
      { class: "govuk-summary-list" },
      factRow("You told us", eventWords((again ?? { at: reportedAt }).at)),
      duties.map((duty) => factRow(dutyWords(duty.duty), dutyFacts(duty))),
    ),
  );
}

function dutyFacts(duty) {
  return [
    duty.due_at ? upper(deadlineWords(duty.due_at)) : "After the step before it",
    duty.at_the_latest && [h("br"), `Work on site begun ${deadlineWords(duty.at_the_latest)} at the very latest`],
    h("br"),
    tag(dutyStateWords(duty.state), DUTY_TONE[duty.state] ?? "quiet"),
    duty.met_at && ` ${upper(eventWords(duty.met_at))}`,
    duty.entitled && h("div", { class: "app-notice app-notice--warning" }, p(duty.entitled)),
  ].flat();
}

function drawSummary(summary) {
  show("#summary", Boolean(summary));
  if (!summary) return;
  fill(
    "#summary",
    h("h2", { class: "govuk-heading-m" }, "What we found"),
    h(
      "dl",
      { class: "govuk-summary-list" },
      factRow("Sent to you", eventWords(summary.sent_at)),
      factRow("What it is", summary.hazard),
      factRow("What we will do", summary.action),
      summary.start_by && factRow("We start by", longDay(summary.start_by)),
      summary.finish_by && factRow("We finish by", longDay(summary.finish_by)),
    ),
    summary.text && p(summary.text),
  );
}

function drawEvents(repair) {
  const events = repair.events?.length ? [...repair.events] : [{ at: repair.reported_at, event: "reported", note: "" }];
  events.sort((one, other) => Date.parse(other.at) - Date.parse(one.at));
  fill(
    "#events",
    events.map(({ at, event, note }) => h("li", {}, h("time", { datetime: at }, eventWords(at)), h("p", {}, h("strong", {}, happenedWords(event))), note && h("p", {}, note))),
  );
}
