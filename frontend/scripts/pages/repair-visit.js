import { call, press, Problem } from "../lib/api.js";
import { dayOf, longDay } from "../lib/dates.js";
import { all, fill, fragment, h, moveTo, one, setTitle, show } from "../lib/dom.js";
import { Checks, clearErrors, onSubmit, showErrors, showProblem, text } from "../lib/forms.js";
import { memberPage } from "../lib/page.js";
import { p, radioItems, repairName } from "../lib/show.js";
import { visitWords } from "../lib/words.js";

/** How many times are shown at first: a few days' worth, since more at once is a wall. */
const FIRST = 8;
const DETAILS = ["access_notes", "communication", "pets", "safe_word"];

let repair = null;
let slots = [];
let chosen = null;
let allShown = false;
let first = true;

const [id] = fragment().split("/");
const at = (step) => `#${id}/${step}`;
const path = `/repairs/${encodeURIComponent(id)}`;

memberPage(async () => {
  if (!id) throw new Problem({ status: 404 });
  for (const link of all("#back, #booked-repair, #cancelled-repair, #closed-repair")) link.href = `/repairs/repair/#${id}`;
  one("#booked-calendar").href = `/api${path}/appointment.ics`;
  one("#cancelled-again").href = at("choose");
  await load();
  turn();
});

addEventListener("hashchange", async () => {
  const [other, step] = fragment().split("/");
  if (other !== id) location.reload();
  else if (repair) {
    // Somebody else may have taken a time since.
    if (!step || step === "choose") await load();
    turn();
  }
});

async function load() {
  ({ body: repair } = await call("GET", path));
  try {
    ({ slots } = (await call("GET", `${path}/slots`)).body);
  } catch (problem) {
    if (!(problem instanceof Problem) || problem.status !== 409) throw problem;
    slots = null;
    one("#closed-why").textContent = problem.words;
  }
}

function turn() {
  const [, asked] = fragment().split("/");
  const booked = repair.appointment && ["booked", "cancelled"].includes(asked) ? "booked" : null;
  const cancelled = !repair.appointment && asked === "cancelled" ? "cancelled" : null;
  const details = asked === "details" && chosen ? "details" : null;
  draw(slots ? (booked ?? cancelled ?? details ?? "choose") : "closed");
}

function draw(step) {
  clearErrors();
  for (const section of all("[data-step]")) show(section, section.dataset.step === step);
  DRAW[step]?.();
  one("#back").href = step === "details" ? at("choose") : `/repairs/repair/#${id}`;
  const heading = one(`[data-step="${step}"] h1`);
  setTitle("", heading.textContent.trim());
  if (!first) {
    moveTo(heading);
    scrollTo(0, 0);
  }
  first = false;
}

const DRAW = {
  choose: drawChoose,
  details: () => {
    const told = repair.appointment ?? { access_notes: repair.access_notes };
    one("#chosen").textContent = `We come on ${visitWords(chosen)}.`;
    for (const name of DETAILS) one(`#details-${name}`).value ||= told[name] ?? "";
    one("#details-vulnerable").checked ||= Boolean(told.vulnerable);
  },
  booked: () => { one("#booked-when").textContent = upper(visitWords(repair.appointment)); },
};

const upper = (words) => words.charAt(0).toUpperCase() + words.slice(1);

function drawChoose() {
  one("#for").textContent = `${repairName(repair)}. Reference ${repair.reference}`;
  const { appointment } = repair;
  show("#now", Boolean(appointment));
  fill(
    "#now",
    appointment && [
      p("We come on"),
      h("p", { class: "app-date" }, upper(visitWords(appointment))),
      h("div", { class: "app-buttons" }, h("button", { type: "button", class: "govuk-button govuk-button--secondary", id: "cancel", onclick: cancel }, "Cancel this visit")),
    ],
  );
  one("#slot-legend").textContent = appointment ? "Choose another time" : "Choose a time";
  const due = repair.due_at ? Date.parse(repair.due_at) : Infinity;
  const free = slots.filter(({ slot_id: slot }) => slot !== appointment?.slot_id);
  const shown = allShown ? free : free.slice(0, FIRST);
  const words = (slot) => `${upper(visitWords(slot))}${Date.parse(slot.ends_at) > due ? `. That is after ${longDay(dayOf(repair.due_at))}, by when we aim to finish it` : ""}`;
  fill("#slots", radioItems("slot-slot_id", "slot_id", shown.map((slot) => ({ value: slot.slot_id, text: words(slot) })), chosen?.slot_id));
  show("#later", shown.length < free.length);
  show("#slot", free.length > 0);
  one("#none-suits").textContent = free.length
    ? "Leave it, and we will ring you to arrange one. Or ring us:"
    : "There is no time to choose just now. We will ring you to arrange one. You need do nothing, or you can ring us:";
}

one("#later").addEventListener("click", () => {
  allShown = true;
  const before = all("#slots input").length;
  drawChoose();
  all("#slots input")[before].focus();
});

onSubmit("#slot", async (form) => {
  const checks = new Checks();
  const slot = checks.picked(form, "slot_id", "Choose a time");
  if (!slot) checks.errors = [{ field: "slot_id", message: "Choose a time" }];
  checks.done();
  chosen = slots.find(({ slot_id: known }) => known === slot);
  location.hash = at("details");
});

onSubmit(
  "#details",
  async (form) => {
    const told = Object.fromEntries(DETAILS.map((name) => [name, text(form, name) || null]));
    const vulnerable = one("#details-vulnerable").checked;
    const { body } = await call("PUT", `${path}/appointment`, { body: { slot_id: chosen.slot_id, vulnerable, ...told } });
    repair.appointment = body;
    chosen = null;
    history.replaceState(null, "", at("booked"));
    draw("booked");
  },
  {
    refused(problem) {
      if (problem.slug !== "slot-taken") return false;
      chosen = null;
      load().then(() => {
        history.replaceState(null, "", at("choose"));
        draw("choose");
        showErrors(one("#slot"), [{ field: slots?.length ? "slot_id" : null, message: problem.words }]);
      });
      return true;
    },
  },
);

function cancel(event) {
  return press(
    event,
    async () => {
      await call("DELETE", `${path}/appointment`);
      await load();
      history.replaceState(null, "", at("cancelled"));
      draw(slots ? "cancelled" : "closed");
    },
    (problem) => showProblem(one("#slot"), problem),
  );
}
