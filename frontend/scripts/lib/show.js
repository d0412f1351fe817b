/** The same thing looks the same on every page: a row of facts, a rent account, a repair's card. */

import { clock, dayOf, deadlineWords, longDay, nearDay, shortDay } from "./dates.js";
import { brand, h, phoneLink } from "./dom.js";
import { balanceAfter, balanceWords, money, signedMoney } from "./money.js";
import { priorityWords, repairFinished, repairWords, visitWords } from "./words.js";

/** One row of a summary list; `change` is `{href, what}` for a link that changes it. */
export function factRow(name, value, change = null) {
  return h(
    "div",
    { class: `govuk-summary-list__row${change ? "" : " govuk-summary-list__row--no-actions"}` },
    h("dt", { class: "govuk-summary-list__key" }, name),
    h("dd", { class: "govuk-summary-list__value" }, value),
    change &&
      h(
        "dd",
        { class: "govuk-summary-list__actions" },
        h("a", { class: "govuk-link", href: change.href }, "Change", h("span", { class: "govuk-visually-hidden" }, ` ${change.what}`)),
      ),
  );
}

/** A paragraph. */
export const p = (...words) => h("p", { class: "govuk-body" }, ...words);

/** A link. */
export const link = (href, words, action = false) => h("a", { href, class: `govuk-link${action ? " app-action" : ""}` }, words);

/** A tag: its words carry the meaning, its colour only repeats it. */
export const tag = (words, tone = "") => h("span", { class: `app-tag${tone ? ` app-tag--${tone}` : ""}` }, words);

/** "As of 6am today": how fresh a balance is. */
export function asAtWords(moment) {
  return `As of ${clock(moment)} ${nearDay(dayOf(moment))}`;
}

/** "Next charge: £104.20 on Monday 30 November", or "" where it is not known. */
export function nextChargeWords(account) {
  if (!account.next_charge_on) return "";
  const amount = account.charge_pence ? `${money(account.charge_pence)} on ` : "";
  return `Next charge: ${amount}${longDay(account.next_charge_on)}`;
}

const LINE_KINDS = { charge: "Charge", payment: "Payment", benefit: "Benefit", adjustment: "Adjustment", refund: "Refund" };

/** A line of an account in a table. The roles are said aloud: the phone's layout, a grid, would take them from it. */
export function lineRow(line) {
  const kind = LINE_KINDS[line.kind] ?? "";
  const what = line.description || kind;
  return h(
    "tr",
    { role: "row" },
    h("td", { role: "cell" }, what, h("time", { datetime: line.posted_on }, shortDay(line.posted_on), kind && what !== kind ? `, ${kind.toLowerCase()}` : "")),
    h("td", { role: "cell", class: "app-number" }, signedMoney(line.amount_pence)),
    h("td", { role: "cell", class: "app-number" }, balanceAfter(line.balance_pence)),
  );
}

/** Whom to ring before anything else: the catalogue's danger, its number or the landlord's own emergency line. */
export function dangerNotice(danger) {
  return h(
    "div",
    { class: "app-notice app-notice--danger" },
    p(h("strong", {}, danger.text)),
    p(danger.phone ? danger.name : "Our emergency repairs line"),
    h("p", { class: "app-money" }, phoneLink(danger.phone ?? brand.emergency)),
  );
}

/** A rent account as a panel: what is owed in words, when more falls due, and what to do about it. */
export function accountPanel(account, { details = false, heading = "h3", named = true } = {}) {
  const next = nextChargeWords(account);
  return h(
    "div",
    { class: "app-panel" },
    named && h(heading, { class: "govuk-heading-s" }, account.name),
    h("p", { class: "app-money" }, balanceWords(account.balance_pence)),
    next && h("p", { class: "app-when" }, next),
    h(
      "p",
      { class: "govuk-body app-quiet" },
      asAtWords(account.as_at),
      details && account.payment_reference ? `. Payment reference: ${account.payment_reference}` : "",
    ),
    h(
      "div",
      { class: "app-buttons" },
      h("a", { class: "govuk-button", href: `/pay/#${account.rent_account_id}` }, account.balance_pence > 0 ? "Pay" : "Pay ahead", hiddenName(account.name)),
      h("a", { class: "govuk-link app-action", href: `/rent/transactions/#${account.rent_account_id}` }, "Charges and payments", hiddenName(account.name)),
    ),
  );
}

const hiddenName = (name) => h("span", { class: "govuk-visually-hidden" }, `: ${name}`);

/** What a repair is called: "Tap: drips", or the landlord's own words for one that came by phone. */
export function repairName(repair) {
  if (repair.object && repair.problem) return `${repair.object}: ${lowerFirst(repair.problem)}`;
  return repair.description || `Repair ${repair.reference}`;
}

const lowerFirst = (text) => (/^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text);

/** By when a repair should be finished, in words; "" where there is no date or no need. */
export function repairDue(repair) {
  return repairFinished(repair.status) || !repair.due_at ? "" : deadlineWords(repair.due_at);
}

/** A repair in a list. */
export function repairCard(repair) {
  const due = repairDue(repair);
  return h(
    "li",
    { class: "app-card" },
    h("a", { class: "govuk-link", href: `/repairs/repair/#${repair.repair_id}` }, repairName(repair)),
    h("p", {}, tag(repairWords(repair.status), repairFinished(repair.status) ? "done" : ""), ` ${priorityWords(repair.priority)}${repair.place ? `, ${repair.place}` : ""}`),
    repair.appointment && !repairFinished(repair.status) && h("p", {}, `We come on ${visitWords(repair.appointment)}`),
    due && h("p", {}, `We aim to finish it ${due}`),
    h("p", { class: "app-quiet" }, `Reported ${longDay(dayOf(repair.reported_at))}. Reference ${repair.reference}`),
  );
}

/** Radios made from data: `[{value, text, hint}]`. */
export function radioItems(id, name, items, chosen) {
  return items.map(({ value, text }, index) =>
    h(
      "div",
      { class: "govuk-radios__item" },
      h("input", { class: "govuk-radios__input", type: "radio", name, id: index ? `${id}-${index}` : id, value, checked: value === chosen }),
      h("label", { class: "govuk-label govuk-radios__label", for: index ? `${id}-${index}` : id }, text),
    ),
  );
}
