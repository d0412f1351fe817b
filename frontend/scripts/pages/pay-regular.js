import { call, press, Problem } from "../lib/api.js";
import { nearDay } from "../lib/dates.js";
import { fill, h, one, show } from "../lib/dom.js";
import { Checks, onSubmit, showProblem } from "../lib/forms.js";
import { money } from "../lib/money.js";
import { memberPage } from "../lib/page.js";
import { amountToPay, goToProvider } from "../lib/paying.js";
import { dayOptions, regularReason, regularTone, regularWords, takenWords } from "../lib/regular.js";
import { link, p, radioItems, tag } from "../lib/show.js";
import { doneWith, views } from "../lib/views.js";

// Seconds between two looks at a card that was just saved: its provider tells us within moments, or the page says so.
const PAUSES = [1, 2, 3, 5, 8, 13];
const GOES_ON = new Set(["active", "paused"]);

const form = one("#add");
let schedules = [];
let accounts = [];
let current = null;

// One key an attempt: pressed twice, or sent again after an answer that was lost, it is one regular payment.
let attempt = { of: "", key: "" };

memberPage(async () => {
  const [{ body }] = await Promise.all([call("GET", "/balance"), load()]);
  accounts = body.rent_accounts;
  drawAccounts();
  drawDays();
  views({ list: drawList, add: () => accounts.length > 0, change: enterChange, stop: enterStop });
  waitForCard(0);
});

async function load() {
  ({ schedules } = (await call("GET", "/pay/schedules")).body);
}

const path = ({ schedule_id: id }) => `/pay/schedules/${encodeURIComponent(id)}`;
const found = (id) => schedules.find((schedule) => schedule.schedule_id === id && GOES_ON.has(schedule.status)) ?? null;

// ------------------------------------------------------------------------------------------ the list

function drawList() {
  show("#none", !schedules.length);
  show("#schedules", schedules.length > 0);
  show("#set-up", accounts.length > 0);
  show("#no-account", !accounts.length);
  fill("#schedules", schedules.map(card));
}

function card(schedule) {
  return h(
    "li",
    { class: "app-card" },
    h("p", {}, h("strong", {}, `${money(schedule.amount_pence)} ${takenWords(schedule)}`), ` for ${schedule.rent_account_name}`),
    h("p", {}, tag(regularWords(schedule.status), regularTone(schedule.status))),
    (STATES[schedule.status] ?? (() => []))(schedule),
  );
}

const STATES = {
  awaiting_card: (schedule) => [
    p("Nothing is taken yet. It starts once your card is saved. If you have just saved it, this page will tell you."),
    schedule.checkout_url && h("div", { class: "app-buttons" }, action("Save your card", schedule, () => goToProvider(schedule.checkout_url, "/pay/regular/"))),
  ],
  active: (schedule) => [
    p(`Next: ${nearDay(schedule.next_due_on)}`),
    schedule.failures > 0 && p(failuresWords(schedule), " ", link("/pay/", "Pay it now"), "."),
    actions(schedule, action("Pause", schedule, () => turn(schedule, "paused"))),
  ],
  paused: (schedule) => [
    p("We take nothing until you start it again."),
    actions(schedule, action("Start again", schedule, () => turn(schedule, "active"))),
  ],
  stopped: (schedule) => [p(regularReason(schedule.stopped_because))],
  failed: (schedule) => [p(regularReason(schedule.stopped_because), " ", link("/pay/", "Pay now"), " or ", link("/pay/help/", "see what can be done"), ".")],
};

const failuresWords = ({ failures }) =>
  failures === 1 ? "The last one did not go through. After three in a row it stops." : `The last ${failures} did not go through. After three in a row it stops.`;

const actions = (schedule, button) =>
  h("div", { class: "app-buttons" }, button, step(`#change:${schedule.schedule_id}`, "Change", schedule), step(`#stop:${schedule.schedule_id}`, "Stop", schedule));

function step(href, words, schedule) {
  const anchor = link(href, words, true);
  anchor.append(hidden(schedule));
  return anchor;
}

function action(words, schedule, act) {
  const tell = (problem) => showProblem(one("#ready"), problem);
  return h("button", { type: "button", class: "govuk-button govuk-button--secondary", onclick: (event) => press(event, async () => act(), tell) }, words, hidden(schedule));
}

const hidden = (schedule) => h("span", { class: "govuk-visually-hidden" }, ` ${money(schedule.amount_pence)} ${takenWords(schedule)}`);

async function turn(schedule, status) {
  await call("PATCH", path(schedule), { body: { status } });
  await load();
  drawList();
  doneWith(status === "paused" ? "We have paused it. We take nothing until you start it again." : "It goes on. We have sent you an email with the next day.");
}

/** A card that was just saved is told to us within moments; look until it is. */
function waitForCard(round) {
  if (round >= PAUSES.length || !schedules.some(({ status }) => status === "awaiting_card")) return;
  setTimeout(async () => {
    try {
      await load();
      if (!one('[data-view="list"]').hidden) drawList();
    } catch (failure) {
      // A look that failed tells nothing: keep looking.
      if (!(failure instanceof Problem)) throw failure;
    }
    waitForCard(round + 1);
  }, PAUSES[round] * 1000);
}

// ----------------------------------------------------------------------------------- set up and change

function drawAccounts() {
  const several = accounts.length > 1;
  show("#which", several);
  fill("#account-choices", radioItems("account", "rent_account_id", accounts.map((account) => ({ value: account.rent_account_id, text: account.name })), accounts[0]?.rent_account_id));
  one("#one-account").textContent = several ? "" : `For ${accounts[0]?.name ?? "your rent"}.`;
  show("#one-account", !several);
}

const often = () => one("[name=frequency]:checked", form)?.value;

/** The days to choose from; none until it is known how often. */
function drawDays() {
  const select = form.elements.day;
  const chosen = select.value;
  const options = often() ? dayOptions(often()) : [];
  fill(select, h("option", { value: "" }, "Choose a day"), options.map(([value, words]) => h("option", { value }, words)));
  select.value = options.some(([value]) => value === chosen) ? chosen : "";
  show("#add-days", options.length > 0);
}

form.addEventListener("change", (event) => event.target.name === "frequency" && drawDays());
addEventListener("answers-restored", drawDays);

onSubmit("#add", async () => {
  const checks = new Checks();
  const pence = amountToPay(checks, form);
  const frequency = checks.picked(form, "frequency", "Choose how often");
  const { value: day } = form.elements.day;
  if (frequency && !day) checks.fail("day", "Choose a day");
  checks.done();
  const account = accounts.length > 1 ? form.elements.rent_account_id.value : accounts[0].rent_account_id;
  const wanted = { rent_account_id: account, amount_pence: pence, frequency, day };
  const of = JSON.stringify(wanted);
  if (attempt.of !== of) attempt = { of, key: crypto.randomUUID() };
  const { body } = await call("POST", "/pay/schedules", { body: wanted, headers: { "idempotency-key": attempt.key } });
  if (body.checkout_url) return goToProvider(body.checkout_url, "/pay/regular/");
  // Sent again after its page was used or had ended: the list says what it came to.
  attempt = { of: "", key: "" };
  await load();
  drawList();
  location.hash = "list";
});

function enterChange(id) {
  current = found(id);
  if (!current) return false;
  const change = one("#change");
  one("#changing").textContent = current.rent_account_name;
  change.elements.amount_pence.value = money(current.amount_pence).replace("£", "");
  fill(change.elements.day, dayOptions(current.frequency).map(([value, words]) => h("option", { value }, words)));
  change.elements.day.value = current.day;
  return true;
}

onSubmit("#change", async (change) => {
  const checks = new Checks();
  const pence = amountToPay(checks, change);
  checks.done();
  const { value: day } = change.elements.day;
  const changed = { ...(pence !== current.amount_pence ? { amount_pence: pence } : {}), ...(day !== current.day ? { day } : {}) };
  if (Object.keys(changed).length) await call("PATCH", path(current), { body: changed });
  await load();
  doneWith(Object.keys(changed).length ? "We have changed it, and sent you an email with what it is now." : "Nothing was changed.");
});

function enterStop(id) {
  current = found(id);
  if (!current) return false;
  one("#stopping").textContent = `${money(current.amount_pence)} ${takenWords(current)} for ${current.rent_account_name}.`;
  return true;
}

onSubmit("#stop", async () => {
  await call("DELETE", path(current));
  await load();
  doneWith("We have stopped it. We take no more, and your card is taken away.");
});

