import { call, press, Problem } from "../lib/api.js";
import { dayOf, eventWords, longDay } from "../lib/dates.js";
import { all, fill, h, one, show } from "../lib/dom.js";
import { Checks, onSubmit, showProblem } from "../lib/forms.js";
import { meter } from "../lib/meter.js";
import { logOff, memberPage, tenancyOf } from "../lib/page.js";
import { makePasskey, passkeysWork } from "../lib/passkeys.js";
import { factRow, link, tag } from "../lib/show.js";
import { doneWith, views } from "../lib/views.js";

memberPage(async (session) => {
  await Promise.all([drawSessions(), drawPasskeys()]);
  show("#add-a-passkey", passkeysWork());
  show("#no-passkeys-here", !passkeysWork());
  const tenancy = tenancyOf(session);
  const { customer } = session;
  fill(
    "#facts",
    factRow("Name", `${customer.first_name} ${customer.last_name}`),
    factRow("Password", "Only you know it", { href: "#password", what: "password" }),
    tenancy && factRow("Home", tenancy.address, customer.tenancies.length > 1 ? { href: "/home/#choose", what: "home" } : null),
    tenancy && factRow("Tenancy reference", tenancy.tenancy_reference),
  );
  views({ password: tellUsername, passkey: tellUsername, "remove-passkey": enterRemove });
});

let usernameTold = false;

/** Whose password it is, for a password manager. Without it the form works all the same. */
async function tellUsername() {
  if (usernameTold) return;
  usernameTold = true;
  try {
    const { body } = await call("GET", "/contact");
    for (const field of all('[name="username"]')) field.defaultValue = body.email;
  } catch (failure) {
    if (!(failure instanceof Problem)) throw failure;
  }
}

one("#log-off").addEventListener("click", (event) => pressed(event, logOff));
one("#everywhere-else").addEventListener("click", (event) =>
  pressed(event, async () => {
    await call("DELETE", "/sessions");
    await drawSessions();
    doneWith("You are logged off everywhere else.");
  }),
);

function pressed(event, act) {
  return press(event, act, (problem) => showProblem(one("#change"), problem));
}

async function drawSessions() {
  const { sessions } = (await call("GET", "/sessions")).body;
  show("#everywhere-else", sessions.some(({ current }) => !current));
  fill(
    "#sessions",
    sessions.map((session) =>
      h(
        "li",
        { class: "app-card" },
        h("p", {}, h("strong", {}, session.device), " ", session.current && tag("This one", "done")),
        h("p", { class: "app-quiet" }, `Since ${eventWords(session.started_at)}. Last used at ${eventWords(session.last_seen_at)}`),
        !session.current &&
          h(
            "button",
            { type: "button", class: "govuk-button govuk-button--secondary", onclick: (event) => pressed(event, () => logOffThere(session)) },
            "Log off",
            h("span", { class: "govuk-visually-hidden" }, ` ${session.device}`),
          ),
      ),
    ),
  );
}

async function logOffThere({ session_id: id, device }) {
  await call("DELETE", `/sessions/${encodeURIComponent(id)}`);
  await drawSessions();
  doneWith(`You are logged off on ${device}.`);
}

let passkeys = [];
let removing = null;

async function drawPasskeys() {
  ({ passkeys } = (await call("GET", "/passkeys")).body);
  show("#passkeys", passkeys.length > 0);
  fill(
    "#passkeys",
    passkeys.map((passkey) => {
      const remove = link(`#remove-passkey:${passkey.passkey_id}`, "Remove", true);
      remove.append(h("span", { class: "govuk-visually-hidden" }, ` the passkey added with ${passkey.name} on ${longDay(dayOf(passkey.added_at))}`));
      return h(
        "li",
        { class: "app-card" },
        h("p", {}, h("strong", {}, passkey.name)),
        h("p", { class: "app-quiet" }, `Added on ${longDay(dayOf(passkey.added_at))}. ${passkey.last_used_at ? `Last used at ${eventWords(passkey.last_used_at)}` : "Not used yet"}`),
        h("div", { class: "app-buttons" }, remove),
      );
    }),
  );
}

function enterRemove(id) {
  removing = passkeys.find((passkey) => passkey.passkey_id === id);
  if (!removing) return false;
  one("#remove-name").textContent = removing.name;
  one("#remove-passkey").reset();
  tellUsername();
  return true;
}

const currentPassword = (form) => {
  const checks = new Checks();
  const current = checks.secret(form, "current_password", "Enter the password you have now");
  checks.done();
  return current;
};

onSubmit("#add-passkey", async (form) => {
  const { body: asked } = await call("POST", "/passkeys/options", { body: { current_password: currentPassword(form) } });
  await call("POST", "/passkeys", { body: await makePasskey(asked) });
  form.reset();
  await drawPasskeys();
  doneWith("Your passkey is added. Next time, choose “Log in with a passkey”.");
});

onSubmit("#remove-passkey", async (form) => {
  const { passkey_id: id } = removing;
  await call("DELETE", `/passkeys/${encodeURIComponent(id)}`, { body: { current_password: currentPassword(form) } });
  form.reset();
  await drawPasskeys();
  doneWith("The passkey is removed.");
});

meter("#change-new_password");
onSubmit("#change", async (form) => {
  const checks = new Checks();
  const current = checks.secret(form, "current_password", "Enter the password you have now");
  const chosen = checks.secret(form, "new_password", "Choose a new password");
  if (chosen && [...chosen].length < 12) checks.fail("new_password", "Password must have at least 12 characters");
  checks.done();
  await call("PUT", "/password", { body: { current_password: current, new_password: chosen } });
  form.reset();
  await drawSessions();
  doneWith("Your new password is saved. Everywhere else you have been logged off.");
});
