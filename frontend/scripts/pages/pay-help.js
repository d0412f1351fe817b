import "../lib/start.js";

import { call, Problem } from "../lib/api.js";
import { dayOf, longDay } from "../lib/dates.js";
import { brand, fill, h, moveTo, one, phoneLink, show } from "../lib/dom.js";
import { Checks, onSubmit, text } from "../lib/forms.js";
import { keepPage } from "../lib/keep.js";
import { balanceWords, money, readPounds, timeToClear } from "../lib/money.js";
import { memberPart } from "../lib/page.js";
import { p, radioItems, tag } from "../lib/show.js";
import { oftenWords } from "../lib/words.js";

const least = Number(brand.minimum);
const form = one("#arrangement");
let owing = [];
let offers = [];

// One key an attempt: pressed twice, or sent again after an answer that was lost, it is one offer.
let attempt = { of: "", key: "" };

one("#log-in").addEventListener("click", () => keepPage("needed"));
start();

async function start() {
  show("#guest", false);
  show("#fetching");
  try {
    show("#guest", !(await memberPart(load)));
  } catch (failure) {
    if (!(failure instanceof Problem)) throw failure;
    one("#not-fetched").textContent = failure.words;
    show("#not-fetched");
  } finally {
    show("#fetching", false);
  }
}

async function load() {
  const [{ body: balance }, { body: made }] = await Promise.all([call("GET", "/balance"), call("GET", "/pay/arrangements")]);
  owing = balance.rent_accounts.filter(({ balance_pence: owed }) => owed >= least);
  offers = made.arrangements;
  draw();
}

function draw() {
  fill("#offers", offers.map(offerNotice));
  show("#nothing-owed", !owing.length && !offers.length);
  show("#ask", owing.length > 0);
  if (!owing.length) return;
  const several = owing.length > 1;
  show("#which", several);
  fill(
    "#account-choices",
    radioItems(
      "account",
      "rent_account_id",
      owing.map((account) => ({ value: account.rent_account_id, text: `${account.name}: ${balanceWords(account.balance_pence).toLowerCase()}` })),
      null,
    ),
  );
  one("#one-account").textContent = several ? "" : `${owing[0].name}: ${balanceWords(owing[0].balance_pence).toLowerCase()}.`;
  show("#one-account", !several);
  drawClears();
}

function offerNotice(offer) {
  const due = offer.status === "answer_due";
  const said = `${money(offer.amount_pence)} ${oftenWords(offer.frequency)}`;
  const who = offer.offered_by_you ? "You" : "Somebody else on your tenancy";
  return h(
    "div",
    { class: `app-notice${due ? " app-notice--warning" : ""}` },
    h("h3", { class: "govuk-heading-s" }, `We have ${offer.offered_by_you ? "your" : "an"} offer for ${offer.rent_account_name}`),
    h("p", { class: "app-money" }, said),
    h("p", { class: "govuk-body" }, tag(due ? "We are late with our answer" : "Waiting for us to answer")),
    p(`${who} offered it on ${longDay(dayOf(offer.offered_at))}. ${clearsWords(offer.owed_pence, offer)}`),
    due
      ? p(`We should have answered by ${longDay(offer.answer_by)}. If you have not heard from us, that is our mistake: ring us on `, phoneLink(brand.phone), ".")
      : p(`We will answer by phone or letter by the end of ${longDay(offer.answer_by)}. You do not have to wait: you can pay what you can today.`),
  );
}

const clearsWords = (owed, { amount_pence: each, frequency }) =>
  each === owed
    ? `It clears the ${money(owed)} that you owe the first time.`
    : `${money(each)} ${oftenWords(frequency)} clears ${money(owed)} in ${timeToClear(owed, each, frequency)}.`;

const picked = (name) => one(`[name="${name}"]:checked`, form)?.value;
const account = () => (owing.length > 1 ? owing.find(({ rent_account_id: id }) => id === picked("rent_account_id")) : owing[0]);

function drawClears() {
  const [frequency, each, owed] = [picked("frequency"), readPounds(text(form, "amount_pence")), account()?.balance_pence];
  const known = frequency && owed && each >= least && each <= owed;
  one("#clears").textContent = known ? clearsWords(owed, { amount_pence: each, frequency }) : "";
  show("#change", offers.some(({ rent_account_id: id }) => id === account()?.rent_account_id));
}

form.addEventListener("change", drawClears);
form.addEventListener("input", drawClears);
addEventListener("answers-restored", drawClears);

onSubmit("#arrangement", async () => {
  const checks = new Checks();
  const chosen = account();
  if (!chosen) checks.fail("rent_account_id", "Choose which account it is for");
  const typed = text(form, "amount_pence");
  const pence = readPounds(typed);
  if (!typed) checks.fail("amount_pence", "Enter an amount that you can pay");
  else if (pence === null) checks.fail("amount_pence", "Amount must be in pounds and pence, such as 12.50");
  else if (pence < least) checks.fail("amount_pence", `Amount must be ${money(least)} or more. If that is too much, ring us on ${brand.phone}`);
  else if (chosen && pence > chosen.balance_pence) checks.fail("amount_pence", `Amount must be ${money(chosen.balance_pence)} or less: that is all you owe`);
  const frequency = checks.picked(form, "frequency", "Choose how often you can pay it");
  checks.done();
  const wanted = { rent_account_id: chosen.rent_account_id, amount_pence: pence, frequency };
  const of = JSON.stringify(wanted);
  if (attempt.of !== of) attempt = { of, key: crypto.randomUUID() };
  await call("POST", "/pay/arrangements", { body: wanted, headers: { "idempotency-key": attempt.key } });
  attempt = { of: "", key: "" };
  form.reset();
  await load();
  moveTo(one("#offers h3"));
});
