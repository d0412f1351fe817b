import { call, press } from "../lib/api.js";
import { longDay, dayOf } from "../lib/dates.js";
import { all, fill, h, one, show } from "../lib/dom.js";
import { showProblem } from "../lib/forms.js";
import { money } from "../lib/money.js";
import { memberPage } from "../lib/page.js";
import { saveReceipt } from "../lib/receipt.js";
import { tag } from "../lib/show.js";
import { paymentTone, paymentWords } from "../lib/words.js";

let cursor = null;

memberPage(async () => {
  cursor = null;
  fill("#payments");
  await earlier();
});

async function earlier() {
  const { body } = await call("GET", `/pay${cursor ? `?cursor=${encodeURIComponent(cursor)}` : ""}`);
  one("#payments").append(...body.payments.map(card));
  cursor = body.next_cursor ?? null;
  const count = all("#payments > li").length;
  show("#payments", count > 0);
  show("#none", count === 0);
  show("#more", Boolean(cursor));
}

function card(payment) {
  return h(
    "li",
    { class: "app-card" },
    h("a", { class: "govuk-link", href: `/pay/done/#${payment.payment_id}` }, longDay(dayOf(payment.created_at))),
    h("div", { class: "app-card__row" }, tag(paymentWords(payment.status), paymentTone(payment.status)), h("strong", {}, money(payment.amount_pence))),
    payment.refunded_pence > 0 && payment.refunded_pence < payment.amount_pence && h("p", {}, `${money(payment.refunded_pence)} of it was paid back to you`),
    h("p", { class: "app-quiet" }, `${payment.rent_account_name}. Reference ${payment.reference}`),
    payment.paid_on &&
      h(
        "button",
        {
          type: "button",
          class: "govuk-button govuk-button--secondary",
          onclick: (event) => press(event, () => saveReceipt(payment), (problem) => showProblem(one("#ready"), problem)),
        },
        "Receipt (PDF)",
        h("span", { class: "govuk-visually-hidden" }, ` for ${money(payment.amount_pence)} paid on ${longDay(payment.paid_on)}`),
      ),
  );
}

one("#more").addEventListener("click", (event) => press(event, earlier, (problem) => showProblem(one("#ready"), problem)));
