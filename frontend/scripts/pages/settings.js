import { call, Problem } from "../lib/api.js";
import { fill, one } from "../lib/dom.js";
import { Checks, onSubmit, showErrors } from "../lib/forms.js";
import { logOff, memberPage, tenancyOf } from "../lib/page.js";
import { factRow } from "../lib/show.js";
import { doneWith, views } from "../lib/views.js";

memberPage(async (session) => {
  const tenancy = tenancyOf(session);
  const { customer } = session;
  fill(
    "#facts",
    factRow("Name", `${customer.first_name} ${customer.last_name}`),
    factRow("Password", "Only you know it", { href: "#password", what: "password" }),
    tenancy && factRow("Home", tenancy.address, customer.tenancies.length > 1 ? { href: "/home/#choose", what: "home" } : null),
    tenancy && factRow("Tenancy reference", tenancy.tenancy_reference),
  );
  if (customer.email) one("#change-username").value = customer.email;
  views({});
});

one("#log-off").addEventListener("click", async (event) => {
  const button = event.currentTarget;
  button.disabled = true;
  try {
    await logOff();
  } catch (failure) {
    button.disabled = false;
    if (!(failure instanceof Problem)) throw failure;
    showErrors(one("#change"), [{ field: null, message: `You are still logged in. ${failure.detail}` }]);
  }
});

onSubmit("#change", async (form) => {
  const checks = new Checks();
  const current = checks.secret(form, "current_password", "Enter the password you have now");
  const chosen = checks.secret(form, "new_password", "Choose a new password");
  if (chosen && [...chosen].length < 12) checks.fail("new_password", "Password must have at least 12 characters");
  checks.done();
  await call("PUT", "/password", { body: { current_password: current, new_password: chosen } });
  form.reset();
  doneWith("Your new password is saved. Everywhere else you have been logged off.");
});
