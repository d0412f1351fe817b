/**
 * What this tab remembers while somebody logs in again, or an old phone drops the page: the way back and what was
 * typed. Never a password or a code; gone with the tab, and at log off.
 */

const BACK = "portal.back";
const ANSWERS = "portal.answers";
const SIGNED_IN = "portal.signed-in";

function store(key, value) {
  try {
    if (value === null) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, JSON.stringify(value));
  } catch {
    // A browser that allows no storage still allows everything else; only the comfort is lost.
  }
}

function recall(key) {
  try {
    return JSON.parse(sessionStorage.getItem(key));
  } catch {
    return null;
  }
}

export const remember = (name, value) => store(`portal.${name}`, value);
export const remembered = (name) => recall(`portal.${name}`);

const UNMATCHED_LASTS = 15 * 60_000;

/** Carry details that did not match from one page to the next; null forgets them. */
export const keepUnmatched = (facts) => store("portal.unmatched", facts && { facts, until: Date.now() + UNMATCHED_LASTS });

/** The details that were carried here, for a quarter of an hour at most; else null. */
export function keptUnmatched() {
  const kept = recall("portal.unmatched");
  if (kept && kept.until < Date.now()) keepUnmatched(null);
  return kept && kept.until >= Date.now() ? kept.facts : null;
}

/** Mark the tab as logged in, so that public pages show the way home, and a new login comes back to the same home. */
export const markSignedIn = (customerId, tenancyId) => store(SIGNED_IN, { customerId, tenancyId });
export const signedInAs = () => recall(SIGNED_IN)?.customerId ?? null;

/** Forget everything that this tab remembers. */
export function forgetAll() {
  try {
    for (const key of Object.keys(sessionStorage)) if (key.startsWith("portal.")) sessionStorage.removeItem(key);
  } catch {
    // Nothing was kept.
  }
}

/** Keep the way back and the typed answers of this page for the same customer. */
export function keepPage(why, minutes = null) {
  const { customerId = null, tenancyId = null } = recall(SIGNED_IN) ?? {};
  store(SIGNED_IN, null);
  store(BACK, { address: location.pathname + location.hash, why, minutes, customerId, tenancyId });
  if (!customerId) return;
  const forms = {};
  for (const form of document.querySelectorAll("form[id]")) {
    const answers = typedAnswers(form);
    if (Object.keys(answers).length) forms[form.id] = answers;
  }
  store(ANSWERS, { path: location.pathname, customerId, forms });
}

/** Why somebody was sent to log in: `why` is "idle" after so many `minutes` away, else "needed"; null: nobody was. */
export const reasonForLogin = () => recall(BACK);

/**
 * The page to go to after logging in, and the home that was looked at there.
 *
 * What was typed stays only for the same customer.
 *
 * @returns {{address: string|null, tenancyId: string|null}} no address where nobody was sent to log in
 */
export function wayBack(customerId) {
  const back = recall(BACK);
  store(BACK, null);
  if (recall(ANSWERS)?.customerId !== customerId) store(ANSWERS, null);
  for (const name of ["report", "new-email"]) if (remembered(name)?.customerId !== customerId) remember(name, null);
  const same = !back?.customerId || back.customerId === customerId;
  const address = /^\/(?![/\\])/.test(back?.address ?? "") ? back.address : null;
  return { address: same ? address : null, tenancyId: same ? (back?.tenancyId ?? null) : null };
}

/** Put the kept answers back into this page's forms, once. */
export function restoreAnswers(customerId) {
  const kept = recall(ANSWERS);
  if (!kept || kept.path !== location.pathname) return false;
  store(ANSWERS, null);
  if (kept.customerId !== customerId) return false;
  for (const [id, answers] of Object.entries(kept.forms)) {
    const form = document.getElementById(id);
    for (const field of form ? keepable(form) : []) {
      if (!(field.name in answers)) continue;
      if (field.type === "radio" || field.type === "checkbox") field.checked = answers[field.name].includes(field.value);
      else field.value = answers[field.name];
    }
  }
  return true;
}

function keepable(form) {
  return [...form.elements].filter(
    (field) =>
      field.name &&
      !["password", "hidden", "submit", "button"].includes(field.type) &&
      !/password|one-time-code/.test(field.autocomplete),
  );
}

function typedAnswers(form) {
  const answers = {};
  for (const field of keepable(form)) {
    if (field.type === "radio" || field.type === "checkbox") {
      if (field.checked) (answers[field.name] ??= []).push(field.value);
    } else if (field.value) answers[field.name] = field.value;
  }
  return answers;
}
