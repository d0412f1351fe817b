import { call } from "../lib/api.js";
import { moveTo, one, setTitle, show } from "../lib/dom.js";
import { Checks, onSubmit } from "../lib/forms.js";

onSubmit("#reset", async (form) => {
  const checks = new Checks();
  const email = checks.needed(form, "email", "Enter your email address");
  const born = checks.day(form, "date_of_birth", { label: "Date of birth" });
  checks.done();
  await call("POST", "/reset", { guest: true, body: { email, date_of_birth: born } });
  show("#ask", false);
  show("#sent");
  setTitle("", "Check your email");
  moveTo(one("#sent h1"));
  scrollTo(0, 0);
});

one("#another").addEventListener("click", (event) => {
  event.preventDefault();
  show("#sent", false);
  show("#ask");
  setTitle();
  one("#reset-email").focus();
  one("#reset-email").select();
});
