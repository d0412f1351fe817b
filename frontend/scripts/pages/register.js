import { call } from "../lib/api.js";
import { moveTo, one, show } from "../lib/dom.js";
import { Checks, onSubmit, showErrors } from "../lib/forms.js";
import { keepUnmatched, keptUnmatched, remember } from "../lib/keep.js";

// What did not match, in this page's memory alone until somebody asks us to keep trying it.
let unmatched = null;

const before = keptUnmatched();
if (before) {
  const form = one("#register");
  const [year, month, day] = before.date_of_birth.split("-").map((part) => String(Number(part)));
  const typed = { ...before, "date_of_birth-day": day, "date_of_birth-month": month, "date_of_birth-year": year };
  for (const [name, value] of Object.entries(typed)) if (form.elements[name]) form.elements[name].value = value;
  keepUnmatched(null);
}

one("#keep-trying").addEventListener("click", () => keepUnmatched(unmatched));

onSubmit(
  "#register",
  async (form) => {
    show("#mismatch, #already", false);
    const checks = new Checks();
    const email = checks.needed(form, "email", "Enter your email address");
    const mobile = checks.needed(form, "mobile", "Enter your mobile number");
    const reference = checks.needed(form, "tenancy_reference", "Enter your tenancy reference number");
    const born = checks.day(form, "date_of_birth", { label: "Date of birth" });
    checks.done();
    unmatched = { email, mobile, tenancy_reference: reference, date_of_birth: born };
    const { body } = await call("POST", "/register", { guest: true, body: unmatched });
    remember("registering", { registration_id: body.registration_id, code_expires_at: body.code_expires_at, email });
    location.assign(`/verify/#${body.registration_id}`);
  },
  {
    refused(problem, form) {
      if (problem.slug === "details-not-matched") {
        show("#mismatch");
        showErrors(form, [
          {
            field: null,
            message: "We could not match those details. Check each one against a letter from us, then try again. If your tenancy is new, we can keep trying for you: see below.",
          },
        ]);
        return true;
      }
      if (problem.slug === "already-registered") {
        show("#already");
        show("#register, #intro, #log-in-instead", false);
        moveTo(one("#already"));
        one("#already").scrollIntoView({ block: "center" });
        return true;
      }
      return false;
    },
  },
);
