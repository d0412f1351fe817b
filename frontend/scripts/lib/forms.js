/**
 * How every form behaves: nothing is lost, an error stands beside its field and in a summary that takes the focus, the
 * title begins with "Error: ", and a button pressed twice sends once.
 */

import "./start.js";

import { ErrorSummary } from "govuk-frontend/dist/govuk/components/error-summary/error-summary.mjs";
import { PasswordInput } from "govuk-frontend/dist/govuk/components/password-input/password-input.mjs";

import { Problem } from "./api.js";
import { readDay } from "./dates.js";
import { all, fill, h, one, setTitle } from "./dom.js";

/** What is wrong with the form as it was filled in: `[{field, message}]`. */
export class FormErrors extends Error {
  constructor(errors) {
    super("The form has errors");
    this.errors = errors;
  }
}

/** Collects what is wrong, in the order of the form, and stops once all of it is known. */
export class Checks {
  constructor() {
    this.errors = [];
  }

  fail(field, message, parts = []) {
    this.errors.push({ field, message, parts });
  }

  /** A field that must not be empty; its text without the spaces around it. */
  needed(form, name, message) {
    const value = text(form, name);
    if (!value) this.fail(name, message);
    return value;
  }

  /** A password that must not be empty, exactly as typed. */
  secret(form, name, message) {
    const { value } = form.elements[name];
    if (!value) this.fail(name, message);
    return value;
  }

  /** The picked radio's value. */
  picked(form, name, message) {
    const value = form.elements[name] instanceof RadioNodeList ? form.elements[name].value : one(`[name="${name}"]:checked`, form)?.value;
    if (!value) this.fail(name, message);
    return value;
  }

  /** A date of three fields. */
  day(form, name, rules) {
    const typed = Object.fromEntries(["day", "month", "year"].map((part) => [part, form.elements[`${name}-${part}`].value]));
    const read = readDay(typed, rules);
    if (read.message) this.fail(name, read.message, read.parts);
    return read.day ?? null;
  }

  done() {
    if (this.errors.length) throw new FormErrors(this.errors);
  }
}

/** A field's text without the spaces around it. */
export function text(form, name) {
  return form.elements[name].value.trim();
}

/** What a form that logs in says of the computer: nothing, or that others use it too. */
export const sharedComputer = (form) => (form.elements.shared_computer.checked ? { shared_computer: true } : {});

/**
 * Make a form work.
 *
 * @param {string} selector
 * @param {(form: HTMLFormElement) => Promise<void>} send throws `FormErrors` or `Problem`
 * @param {{refused?: (problem: Problem, form: HTMLFormElement) => boolean|void}} options `refused` may deal with a
 *   problem by itself and then answers true
 */
export function onSubmit(selector, send, { refused } = {}) {
  const form = one(selector);
  let busy = false;
  form.noValidate = true;
  for (const root of all('[data-module="govuk-password-input"]', form)) new PasswordInput(root);
  for (const button of all("button[disabled]", form)) button.disabled = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    form.setAttribute("aria-busy", "true");
    clearErrors();
    try {
      await send(form, event.submitter);
    } catch (failure) {
      if (failure instanceof FormErrors) showErrors(form, failure.errors);
      else if (failure instanceof Problem) {
        if (!refused?.(failure, form)) showProblem(form, failure);
      } else {
        showErrors(form, [{ field: null, message: "This page did not work as it should. Load it again, then try once more." }]);
        throw failure;
      }
    } finally {
      busy = false;
      form.removeAttribute("aria-busy");
    }
  });
  return form;
}

/** A problem from the API, shown on the form that it is about. */
export function showProblem(form, problem) {
  showErrors(form, problem.errors.length ? problem.errors : [{ field: null, message: problem.words }]);
}

/** Take away every error on the page. */
export function clearErrors() {
  fill("#error-summary");
  for (const message of all(".govuk-error-message")) message.remove();
  for (const group of all(".govuk-form-group--error")) group.classList.remove("govuk-form-group--error");
  for (const input of all("[data-described]")) {
    if (input.dataset.described) input.setAttribute("aria-describedby", input.dataset.described);
    else input.removeAttribute("aria-describedby");
    delete input.dataset.described;
  }
  for (const input of all(".govuk-input--error, .govuk-textarea--error, .govuk-select--error")) {
    input.classList.remove("govuk-input--error", "govuk-textarea--error", "govuk-select--error");
    input.removeAttribute("aria-invalid");
  }
  setTitle();
}

/** Show what is wrong: a summary that takes the focus, and the same words beside each field. */
export function showErrors(form, errors) {
  clearErrors();
  const lines = errors.map((error) => {
    const first = error.field ? markField(form, error) : null;
    return h("li", {}, first ? h("a", { href: `#${first.id}` }, error.message) : error.message);
  });
  const summary = h(
    "div",
    { class: "govuk-error-summary", "data-module": "govuk-error-summary" },
    h(
      "div",
      { role: "alert" },
      h("h2", { class: "govuk-error-summary__title" }, "There is a problem"),
      h("div", { class: "govuk-error-summary__body" }, h("ul", { class: "govuk-list govuk-error-summary__list" }, lines)),
    ),
  );
  fill("#error-summary", summary);
  setTitle("Error: ");
  new ErrorSummary(summary);
  summary.scrollIntoView({ block: "start" });
}

function markField(form, { field, message, parts = [] }) {
  const name = String(field).replace(/^body\./, "");
  const group = all("[data-field]", form).find(
    (candidate) => candidate.dataset.field === name || name.startsWith(`${candidate.dataset.field}.`),
  );
  if (!group || group.closest("[hidden]")) return null;
  const id = `${form.id}-${name.replace(/\./g, "-")}-error`;
  const inputs = all("input:not([type=hidden]), textarea, select", group);
  const choices = inputs[0].type === "radio" || inputs[0].type === "checkbox";
  const marked = parts.length ? inputs.filter((input) => parts.some((part) => input.name.endsWith(`-${part}`))) : inputs;
  (group.matches(".govuk-form-group") ? group : one(".govuk-form-group", group)).classList.add("govuk-form-group--error");
  const note = h("p", { id, class: "govuk-error-message" }, h("span", { class: "govuk-visually-hidden" }, "Error: "), message);
  const before = one(".govuk-date-input, .govuk-radios, .govuk-checkboxes, .govuk-input__wrapper", group) ?? inputs[0];
  before.before(note);
  const described = one("fieldset", group) ?? inputs[0];
  const already = described.getAttribute("aria-describedby") ?? "";
  if (!("described" in described.dataset)) described.dataset.described = already;
  described.setAttribute("aria-describedby", `${already} ${id}`.trim());
  for (const input of choices ? [] : marked) {
    const kind = { TEXTAREA: "textarea", SELECT: "select" }[input.tagName] ?? "input";
    input.classList.add(`govuk-${kind}--error`);
    input.setAttribute("aria-invalid", "true");
  }
  return marked[0] ?? inputs[0];
}

/** Show the part of a form that belongs to the picked radio: inputs name it with `data-shows="id"`. */
export function conditionals(form) {
  const update = () => {
    for (const input of all("input[data-shows]", form)) {
      one(`#${input.dataset.shows}`).hidden = !input.checked;
    }
  };
  form.addEventListener("change", update);
  update();
  return update;
}
