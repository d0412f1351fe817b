import { call } from "../lib/api.js";
import { longDay } from "../lib/dates.js";
import { fill, fragment, h, one, show } from "../lib/dom.js";
import { Checks, conditionals, onSubmit } from "../lib/forms.js";
import { balanceWords, money } from "../lib/money.js";
import { memberPage } from "../lib/page.js";
import { amountToPay, goToProvider, payable } from "../lib/paying.js";
import { link, nextChargeWords, p, radioItems } from "../lib/show.js";

const form = one("#pay");
const update = conditionals(form);
let accounts = [];

// One key an attempt: pressed twice, or sent again after an answer that was lost or told of a fault, it is one payment.
let attempt = { of: "", key: "" };

memberPage(async () => {
  const [{ body }, { body: history }] = await Promise.all([call("GET", "/balance"), call("GET", "/pay")]);
  accounts = body.rent_accounts;
  if (!accounts.length) {
    show("#nothing");
    show(form, false);
    return;
  }
  const several = accounts.length > 1;
  show("#which", several);
  const wanted = accounts.find(({ rent_account_id: id }) => id === fragment()) ?? accounts[0];
  fill(
    "#account-choices",
    radioItems(
      "account",
      "rent_account_id",
      accounts.map((account) => ({ value: account.rent_account_id, text: `${account.name}: ${balanceWords(account.balance_pence).toLowerCase()}` })),
      wanted.rent_account_id,
    ),
  );
  fill(
    "#one-account",
    several ? null : [h("p", { class: "app-money" }, balanceWords(wanted.balance_pence)), nextChargeWords(wanted) && h("p", { class: "app-when" }, nextChargeWords(wanted))],
  );
  drawAmount();
  drawWaiting(history.payments.find(({ status }) => status === "pending"));
});

const account = () => accounts.find(({ rent_account_id: id }) => id === form.elements.rent_account_id.value) ?? accounts[0];

function drawAmount() {
  const { balance_pence: owed, next_charge_on: on } = account();
  const { all, next } = amounts();
  show("#all-of-it", all !== null);
  show("#next-charge", next !== null);
  one("#all-words").textContent = money(owed);
  one("#next-words").textContent = next === null ? "" : `${money(next)}, on ${longDay(on)}`;
  const choices = all !== null || next !== null;
  show("#how-much", choices);
  if (all === null) one("#pay-all").checked = false;
  if (next === null) one("#pay-next").checked = false;
  if (!choices) one("#pay-other").checked = true;
  update();
}

/** What can be paid without typing: all that is owed, and the next charge as the landlord's record has it; else null. */
function amounts() {
  const { balance_pence: owed, charge_pence: charge, next_charge_on: on } = account();
  return { all: payable(owed) ? owed : null, next: on && payable(charge) && charge !== owed ? charge : null };
}

function drawWaiting(payment) {
  show("#waiting-payment", Boolean(payment));
  if (payment) {
    fill(
      "#waiting-payment",
      p(h("strong", {}, `A payment of ${money(payment.amount_pence)} is not finished.`), " See what became of it before you pay again: ", link(`/pay/done/#${payment.payment_id}`, "that payment"), "."),
    );
  }
}

form.addEventListener("change", (event) => event.target.name === "rent_account_id" && drawAmount());
addEventListener("answers-restored", drawAmount);

onSubmit(
  "#pay",
  async () => {
    const checks = new Checks();
    const how = checks.picked(form, "how_much", "Choose how much to pay");
    let pence = amounts()[how];
    if (how === "other") {
      pence = amountToPay(checks, form);
    }
    checks.done();
    const wanted = { rent_account_id: account().rent_account_id, amount_pence: pence };
    const of = JSON.stringify(wanted);
    if (attempt.of !== of) attempt = { of, key: crypto.randomUUID() };
    const { body } = await call("POST", "/pay", { body: wanted, headers: { "idempotency-key": attempt.key } });
    // Sent again after it was paid or had ended, it has no page left to pay on, and a page that tells what it came to.
    goToProvider(body.checkout_url, `/pay/done/#${body.payment_id}`);
  },
);
