import { call } from "../lib/api.js";
import { shortDay } from "../lib/dates.js";
import { fill, h, moveTo, one, setTitle, show } from "../lib/dom.js";
import { onSubmit } from "../lib/forms.js";
import { keepUnmatched, keptUnmatched } from "../lib/keep.js";

const facts = keptUnmatched();

if (facts) {
  fill(
    "#typed-facts",
    line("Email address", facts.email),
    line("Mobile number", facts.mobile),
    line("Tenancy reference number", facts.tenancy_reference),
    line("Date of birth", shortDay(facts.date_of_birth)),
  );
}
show("#typed", Boolean(facts));
show("#nothing", !facts);

function line(name, value) {
  return h(
    "div",
    { class: "govuk-summary-list__row" },
    h("dt", { class: "govuk-summary-list__key" }, name),
    h("dd", { class: "govuk-summary-list__value" }, value),
  );
}

onSubmit("#waiting", async () => {
  await call("POST", "/register/waiting", { guest: true, body: facts });
  keepUnmatched(null);
  fill("#typed-facts");
  show("#ask", false);
  show("#kept");
  setTitle("", "We will keep trying");
  moveTo(one("#kept h1"));
  scrollTo(0, 0);
});

// Whoever comes next to a page out of the browser's memory finds nothing of the one before.
addEventListener("pageshow", (event) => event.persisted && location.reload());
