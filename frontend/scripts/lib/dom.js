/** Making and finding elements. Text is only ever set as text, so nothing that a tenant typed can become markup. */

export const one = (selector, within = document) => within.querySelector(selector);
export const all = (selector, within = document) => [...within.querySelectorAll(selector)];

/**
 * An element with attributes and children.
 *
 * @param {string} tag
 * @param {Object<string, string|boolean|Function|null|undefined>} attributes a function listens (`onclick`), `true` sets
 *   a bare attribute, `false`, null and undefined set none
 * @param {...(Node|string|number|null|false|undefined|Array)} children text is set as text
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== false && child !== undefined));
  return element;
}

/** Fill an element with children in place of what it held. */
export function fill(target, ...children) {
  const element = typeof target === "string" ? one(target) : target;
  element.replaceChildren(...children.flat().filter((child) => child !== null && child !== false && child !== undefined));
  return element;
}

/** Show or hide one element or several. */
export function show(target, shown = true) {
  const elements = typeof target === "string" ? all(target) : [target];
  for (const element of elements) element.hidden = !shown;
}

/** Move focus to something that does not take it by itself, so that a screen reader reads on from there. */
export function moveTo(element) {
  if (!element.hasAttribute("tabindex")) element.setAttribute("tabindex", "-1");
  element.focus();
}

/** What the address's fragment says, without its sign: an id, or a step. */
export const fragment = () => decodeURIComponent(location.hash.slice(1));

const title = document.title;

/** The page's title, led by what has changed: "Error: …", or the heading of a step. */
export function setTitle(lead = "", own = "") {
  const portal = title.slice(title.indexOf(" – "));
  document.title = `${lead}${own ? own + portal : title}`;
}

/** Words that the brand puts into the page: telephone numbers, the team's name. */
export const brand = document.body.dataset;

/** A telephone number that a thumb can press. */
export function phoneLink(number) {
  return h("a", { href: `tel:${number.replace(/\s/g, "")}`, class: "govuk-link" }, number);
}
