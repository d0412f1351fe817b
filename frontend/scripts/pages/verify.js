import { call } from "../lib/api.js";
import { momentWords } from "../lib/dates.js";
import { fill, fragment, h, one, show } from "../lib/dom.js";
import { Checks, onSubmit, sharedComputer, showErrors } from "../lib/forms.js";
import { remember, remembered } from "../lib/keep.js";
import { meter } from "../lib/meter.js";
import { goOn } from "../lib/page.js";
import { link } from "../lib/show.js";

meter("#verify-password");

const registrationId = fragment();
const known = remembered("registering");
const ours = known?.registration_id === registrationId ? known : null;

if (!registrationId) {
  show("#no-registration");
  hideForms();
}
if (ours) {
  one("#verify-username").value = ours.email;
  fill("#sent-words", "We have sent an email with a code to ", h("strong", {}, ours.email), ". It can take a few minutes to arrive.");
  tellTheEnd(ours.code_expires_at);
}

// The link in the email may be opened in a tab that shows this page already.
addEventListener("hashchange", () => location.reload());

/** Leave nothing to fill in that could not work. */
function hideForms() {
  show("#sent, #resent, #verify, #not-received, #other-ways", false);
}

function tellTheEnd(moment) {
  const over = Date.parse(moment) <= Date.now();
  one("#stops").textContent = over
    ? `That code stopped working at ${momentWords(moment)}. Register again to get a new one.`
    : `The code stops working at ${momentWords(moment)}.`;
}

onSubmit(
  "#verify",
  async (form) => {
    const checks = new Checks();
    const code = checks.needed(form, "code", "Enter the code from your email");
    const password = checks.secret(form, "password", "Choose a password");
    if (password && [...password].length < 12) checks.fail("password", "Password must have at least 12 characters");
    checks.done();
    const { body } = await call("POST", "/verify", {
      guest: true,
      body: { registration_id: registrationId, code, password, ...sharedComputer(form) },
    });
    remember("registering", null);
    await goOn(body);
  },
  {
    refused(problem, form) {
      if (problem.slug === "tries-spent") {
        hideForms();
        showErrors(form, [
          { field: null, message: ["That code has been tried too often. ", link("/register/", "Register again to get a new one"), "."] },
        ]);
        return true;
      }
      if (problem.slug === "already-registered") {
        remember("registering", null);
        hideForms();
        showErrors(form, [{ field: null, message: ["You are registered already. ", link("/login/", "Log in with the password that you chose"), "."] }]);
        return true;
      }
      if (problem.slug !== "code-not-accepted") return false;
      const over = ours && Date.parse(ours.code_expires_at) <= Date.now();
      if (ours) tellTheEnd(ours.code_expires_at);
      showErrors(form, [
        {
          field: "code",
          message: over
            ? `That code stopped working at ${momentWords(ours.code_expires_at)}. Register again to get a new one`
            : "That is not the code in our newest email, or it has stopped working. Check it and type it again",
        },
      ]);
      return true;
    },
  },
);

onSubmit("#resend", async () => {
  show("#resent", false);
  await call("POST", "/register/resend", { guest: true, body: { registration_id: registrationId } });
  show("#resent");
  one("#resent").scrollIntoView({ block: "center" });
});
