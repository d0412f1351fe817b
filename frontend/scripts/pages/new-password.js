import { call, Problem } from "../lib/api.js";
import { one } from "../lib/dom.js";
import { Checks, onSubmit, showProblem } from "../lib/forms.js";
import { meter } from "../lib/meter.js";
import { goOn, logOff } from "../lib/page.js";

meter("#change-new_password");
onSubmit("#change", async (form) => {
  const checks = new Checks();
  const current = checks.secret(form, "current_password", "Enter the temporary password from our email");
  const chosen = checks.secret(form, "new_password", "Choose a new password");
  if (chosen && [...chosen].length < 12) checks.fail("new_password", "Password must have at least 12 characters");
  checks.done();
  await call("PUT", "/password", { body: { current_password: current, new_password: chosen } });
  const { body: session } = await call("GET", "/session");
  await goOn(session);
});

const button = one("#log-off");
button.disabled = false;
button.addEventListener("click", () => logOff().catch((failure) => {
  if (!(failure instanceof Problem)) throw failure;
  showProblem(one("#change"), failure);
}));
