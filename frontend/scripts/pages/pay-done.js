import { call, press, Problem } from "../lib/api.js";
import { longDay, momentWords } from "../lib/dates.js";
import { fill, fragment, h, one, setTitle, show } from "../lib/dom.js";
import { showProblem } from "../lib/forms.js";
import { money } from "../lib/money.js";
import { memberPage } from "../lib/page.js";
import { saveReceipt } from "../lib/receipt.js";
import { factRow, link, p } from "../lib/show.js";
import { paymentWords } from "../lib/words.js";

// Seconds between two looks; the last one is repeated until half an hour has gone.
const PAUSES = [1, 2, 3, 5, 8, 13, 20, 30];
const PATIENCE = 30 * 60_000;

let shown = "";

memberPage(async () => {
  if (!fragment()) throw new Problem({ status: 404 });
  const payment = await look();
  draw(payment);
  if (unsettled(payment)) waitOn(0, Date.now());
});

addEventListener("hashchange", () => location.reload());

const look = async () => (await call("GET", `/pay/${encodeURIComponent(fragment())}`)).body;
const unsettled = ({ status }) => status === "created" || status === "pending";

function waitOn(round, since) {
  setTimeout(async () => {
    try {
      const payment = await look();
      draw(payment);
      if (!unsettled(payment)) return;
    } catch (failure) {
      // A look that failed tells nothing about the payment: keep looking.
      if (!(failure instanceof Problem)) throw failure;
    }
    if (Date.now() - since < PATIENCE) waitOn(round + 1, since);
  }, PAUSES[Math.min(round, PAUSES.length - 1)] * 1000);
}

const pay = (payment) => h("a", { class: "govuk-button", href: `/pay/#${payment.rent_account_id}` }, "Try again");
const rent = (payment) => h("a", { class: "govuk-button", href: `/rent/transactions/#${payment.rent_account_id}` }, "See your rent account");
const home = () => link("/home/", "Home", true);

const STATES = {
  created: (payment) => waiting(payment),
  pending: (payment) => waiting(payment),
  succeeded: (payment) => ({
    heading: "Thank you. You have paid",
    money: payment.amount_pence,
    words: ["It is on your rent account now. We have sent you an email as a receipt."],
    tone: "good",
    next: [rent(payment), home()],
  }),
  failed: (payment) => ({
    heading: "The payment did not go through",
    words: ["No money has been taken. Your bank may have said no, or a number was mistyped. You can try again, or use another card."],
    tone: "danger",
    next: [pay(payment), home()],
    talk: true,
  }),
  cancelled: (payment) => ({
    heading: "You stopped the payment",
    words: ["No money has been taken."],
    tone: "",
    next: [pay(payment), home()],
  }),
  expired: (payment) => ({
    heading: "The payment page ran out of time",
    words: ["No money has been taken. You can start again."],
    tone: "",
    next: [pay(payment), home()],
  }),
  refunded: (payment) => ({
    heading: payment.refunded_pence < payment.amount_pence ? "We have paid part of this back to you" : "We have paid this back to you",
    money: payment.refunded_pence,
    words: ["It can take up to 10 days to show at your bank."],
    tone: "",
    next: [rent(payment), home()],
  }),
  disputed: (payment) => ({
    heading: "Your bank has taken this payment back",
    words: [
      "Somebody asked the bank about it, so it is owed on your rent account again.",
      "If the bank decides that the payment was right, it counts again and shows here. If you know nothing of this, talk to us.",
    ],
    tone: "warning",
    next: [rent(payment), home()],
    talk: true,
  }),
};
STATES.dispute_won = STATES.succeeded;

// Until the provider has told us, a payment that waits for the bank and a page that was left look the same from here.
function waiting(payment) {
  const page = checkout(payment);
  return {
    heading: "We are waiting for your bank",
    words: [
      "This can take a few minutes. Do not pay again: this page will tell you.",
      page && ["If you left the payment page before the end, ", link(page, "go back to it"), "."],
      "You can close this page. The payment goes on, and shows under “Payments made here”.",
    ].filter(Boolean),
    tone: "warning",
    next: [link("/pay/history/", "Payments made here", true), home()],
  };
}

/** The provider's page, where it is one that we may send somebody to. */
function checkout(payment) {
  if (!payment.checkout_url) return null;
  const page = new URL(payment.checkout_url, location.href);
  return page.protocol === "https:" || page.origin === location.origin ? page.href : null;
}

const receiptButton = (payment) =>
  h(
    "button",
    {
      type: "button",
      class: "govuk-button govuk-button--secondary",
      onclick: (event) => press(event, () => saveReceipt(payment), (problem) => showProblem(one("#ready"), problem)),
    },
    "Save the receipt (PDF)",
  );

function draw(payment) {
  const now = `${payment.status} ${payment.refunded_pence}`;
  if (now === shown) return;
  shown = now;
  const state = (STATES[payment.status] ?? STATES.pending)(payment);
  setTitle("", state.heading);
  fill(
    "#result",
    h("h1", { class: "govuk-heading-l" }, state.heading),
    h(
      "div",
      { class: `app-notice${state.tone ? ` app-notice--${state.tone}` : ""}` },
      state.money && h("p", { class: "app-money" }, money(state.money)),
      state.words.map((words) => p(words)),
    ),
  );
  fill(
    "#facts",
    factRow("Amount", money(payment.amount_pence)),
    payment.refunded_pence > 0 && factRow("Paid back to you", money(payment.refunded_pence)),
    factRow("Status", paymentWords(payment.status)),
    factRow("For", payment.rent_account_name),
    factRow("Reference", payment.reference),
    payment.paid_on ? factRow("Paid on", longDay(payment.paid_on)) : factRow("Started", momentWords(payment.created_at)),
  );
  const [first, ...others] = state.next;
  fill("#next", [first, payment.paid_on && receiptButton(payment), ...others]);
  show("#talk", Boolean(state.talk));
}
