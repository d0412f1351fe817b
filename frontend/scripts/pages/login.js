import { call, press } from "../lib/api.js";
import { moveTo, one, setTitle, show } from "../lib/dom.js";
import { Checks, clearErrors, onSubmit, sharedComputer, showErrors, showProblem } from "../lib/forms.js";
import { forgetAll, reasonForLogin } from "../lib/keep.js";
import { meter } from "../lib/meter.js";
import { goOn } from "../lib/page.js";
import { passkeysWork, signWithPasskey } from "../lib/passkeys.js";

if (location.hash === "#logged-off") {
  forgetAll();
  note("#logged-off");
} else if (reasonForLogin()) {
  const { why, minutes } = reasonForLogin();
  if (minutes) one("#idle-minutes").textContent = minutes;
  note(`#${why}-note`);
}

function note(selector) {
  show(selector);
  moveTo(one(selector));
}

// The temporary password stays in this page's memory alone, so that nobody is asked for it twice.
let temporary = "";
let loggedIn = null;

onSubmit(
  "#login",
  async (form) => {
    const checks = new Checks();
    const email = checks.needed(form, "email", "Enter your email address");
    const password = checks.secret(form, "password", "Enter your password");
    checks.done();
    const { body } = await call("POST", "/login", { guest: true, body: { email, password, ...sharedComputer(form) } });
    loggedIn = body;
    if (!body.password_change_required) return goOn(body);
    temporary = password;
    one("#change-username").value = email;
    show("#log-in-view, .guest-only", false);
    show("#change-view");
    setTitle("", "Choose a new password");
    return moveTo(one("#change-view h1"));
  },
  {
    refused(problem, form) {
      if (problem.slug !== "login-failed") return false;
      showErrors(form, [
        {
          field: "email",
          message: "That email address and password do not go together. Check both, then try again",
        },
      ]);
      one("#login-password").value = "";
      return true;
    },
  },
);

show("#with-passkey", passkeysWork());
one("#passkey").addEventListener("click", (event) => {
  const form = one("#login");
  clearErrors();
  return press(event, () => logInWithPasskey(form), (problem) => showProblem(form, problem));
});

async function logInWithPasskey(form) {
  const { body: asked } = await call("POST", "/login/passkey/options", { guest: true });
  const signed = await signWithPasskey(asked);
  const { body } = await call("POST", "/login/passkey", {
    guest: true,
    body: { ...signed, ...sharedComputer(form) },
  });
  await goOn(body);
}

meter("#change-new_password");
onSubmit("#change", async (form) => {
  const checks = new Checks();
  const chosen = checks.secret(form, "new_password", "Choose a new password");
  if (chosen && [...chosen].length < 12) checks.fail("new_password", "Password must have at least 12 characters");
  checks.done();
  await call("PUT", "/password", { body: { current_password: temporary, new_password: chosen } });
  await goOn(loggedIn);
});

