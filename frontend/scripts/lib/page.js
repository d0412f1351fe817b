/** The frame of a member's page: the session, its idle end, and what the page shows while it waits. */

import "./start.js";

import { call, leaveToLogIn, onAnswer, press, Problem } from "./api.js";
import { brand, fill, h, moveTo, one, phoneLink, show } from "./dom.js";
import { forgetAll, markSignedIn, restoreAnswers, signedInAs, wayBack } from "./keep.js";

// The server notes the last call once a minute at most, so the true end may come a minute before the one reckoned here:
// this leaves two minutes to answer, of the five on a shared computer too.
const WARN_BEFORE = 180_000;

/**
 * Start a page for somebody who has logged in.
 *
 * `ready` gets the session, draws the page and answers nothing; until then the page says that it is fetching, and a
 * failure is shown with a way to try again.
 *
 * @param {(session: object) => Promise<void>} ready
 */
export function memberPage(ready) {
  const load = async () => {
    show("#loading");
    show("#ready", false);
    show("#failed", false);
    try {
      const answer = await call("GET", "/session");
      await enter(answer, async (session) => {
        await ready(session);
        show("#loading", false);
        show("#ready");
      });
    } catch (failure) {
      show("#loading", false);
      drawFailure(failure, load);
      if (!(failure instanceof Problem)) throw failure;
    }
  };
  neverFromMemory();
  load();
}

/**
 * Start the part of a public page that is for somebody who has logged in.
 *
 * @param {(session: object) => Promise<void>} ready as for `memberPage`
 * @returns {Promise<boolean>} whether somebody is logged in
 * @throws {Problem}
 */
export async function memberPart(ready) {
  if (!signedInAs()) return false;
  neverFromMemory();
  try {
    await enter(await call("GET", "/session", { guest: true }), ready);
  } catch (failure) {
    if (failure instanceof Problem && failure.status === 401) return false;
    throw failure;
  }
  return true;
}

// A page that comes back out of the browser's memory may belong to somebody who has logged off since.
const neverFromMemory = () => addEventListener("pageshow", (event) => event.persisted && location.reload());

async function enter({ body: session, date }, ready) {
  markSignedIn(session.customer.customer_id, session.tenancy_id);
  watchIdle(session, date);
  await ready(session);
  if (restoreAnswers(session.customer.customer_id)) dispatchEvent(new Event("answers-restored"));
}

function drawFailure(failure, load) {
  const known = failure instanceof Problem ? failure : { status: 500, words: "This page did not work as it should." };
  const missing = known.status === 404;
  const heading = h("h1", { class: "govuk-heading-l" }, missing ? "We cannot find that" : "We could not get your details");
  fill(
    "#failed",
    heading,
    h("p", { class: "govuk-body" }, missing ? "It may belong to another home, or the address may be cut short." : known.words),
    missing
      ? h("p", { class: "govuk-body" }, h("a", { class: "govuk-link", href: "/home/" }, "Go to your home page"))
      : h("button", { type: "button", class: "govuk-button", onclick: load }, "Try again"),
    h("p", { class: "govuk-body" }, "Or ring us on ", phoneLink(brand.phone), `, ${brand.hours}.`),
  );
  show("#failed");
  moveTo(heading);
}

/** Shortly before the idle end, ask; at the end, go to log in and come back here. */
function watchIdle(session, serverNow) {
  const idle = Date.parse(session.idle_ends_at) - serverNow.getTime();
  const allowed = Math.max(60_000, Math.min(idle, Date.parse(session.ends_at) - serverNow.getTime()));
  const minutes = String(Math.round(idle / 60_000));
  one("#idle-minutes").textContent = minutes;
  const dialog = one("#idle");
  let warning;
  let ending;
  const again = () => {
    clearTimeout(warning);
    clearTimeout(ending);
    warning = setTimeout(() => dialog.open || dialog.showModal(), allowed - Math.min(WARN_BEFORE, allowed * 0.6));
    ending = setTimeout(() => {
      if (dialog.open) dialog.close();
      leaveToLogIn("idle", minutes);
    }, allowed);
  };
  onAnswer(again);
  again();
  if (dialog.dataset.watched) return;
  dialog.dataset.watched = "yes";
  const stay = async () => {
    dialog.close();
    one("#idle-problem").textContent = "";
    try {
      await call("GET", "/session");
    } catch {
      // Without an answer the idle end stands; the timers go on.
    }
  };
  one("#idle-stay").addEventListener("click", stay);
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    stay();
  });
  one("#idle-log-off").addEventListener("click", (event) =>
    press(event, logOff, ({ words }) => {
      one("#idle-problem").textContent = `You are not logged off yet. ${words}`;
    }),
  );
}

/** End the session at once and say so; throws a `Problem` where it could not be ended. */
export async function logOff() {
  await call("POST", "/logout", { guest: true });
  forgetAll();
  location.assign("/login/#logged-off");
}

/**
 * Go where somebody who has just logged in belongs: back to where they were, in the home that they looked at, or home,
 * where whoever has several picks one.
 *
 * @param {{customer: object, tenancy_id: string}} loggedIn
 */
export async function goOn({ customer, tenancy_id: tenancyId }) {
  const back = wayBack(customer.customer_id);
  const known = customer.tenancies.some((tenancy) => tenancy.tenancy_id === back.tenancyId);
  if (known && back.tenancyId !== tenancyId) {
    await call("PUT", "/session", { body: { tenancy_id: back.tenancyId } });
  }
  markSignedIn(customer.customer_id, known ? back.tenancyId : tenancyId);
  location.assign(back.address ?? (customer.tenancies.length > 1 ? "/home/#choose" : "/home/"));
}

/** The tenancy in use, of the session's own list. */
export function tenancyOf(session) {
  return session.customer.tenancies.find((tenancy) => tenancy.tenancy_id === session.tenancy_id) ?? null;
}
