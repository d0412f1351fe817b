/** A page of several views, one at a time, named in the fragment so that the browser's back button works. */

import { all, moveTo, one, setTitle, show } from "./dom.js";
import { clearErrors } from "./forms.js";

/**
 * Show the view that the fragment names, now and whenever it changes.
 *
 * The fragment is `#view` or `#view:id`. A view that is not there, or whose `enter` answers false, gives way to the list.
 *
 * @param {Object<string, (id: string) => boolean|void>} enter what to do as a view is entered, by its name
 */
export function views(enter) {
  const names = all("[data-view]").map((section) => section.dataset.view);
  let first = true;
  const turn = () => {
    const [asked, id = ""] = decodeURIComponent(location.hash.slice(1)).split(":");
    let name = names.includes(asked) ? asked : "list";
    if (enter[name]?.(id) === false) {
      name = "list";
      enter.list?.("");
    }
    clearErrors();
    for (const section of all("[data-view]")) show(section, section.dataset.view === name);
    show("#view-back", name !== "list");
    const heading = one(`[data-view="${name}"] h1`);
    setTitle("", name === "list" ? "" : heading.textContent.trim());
    if (!first) {
      moveTo(heading);
      scrollTo(0, 0);
    }
    first = false;
  };
  addEventListener("hashchange", turn);
  turn();
  return turn;
}

/** Go back to the list and say what was done. */
export function doneWith(words) {
  const notice = one("#done");
  location.hash = "list";
  notice.replaceChildren(Object.assign(document.createElement("p"), { className: "govuk-body", textContent: words }));
  show(notice);
  // The view's own turn moves the focus to the heading first; the notice is a status and is read after it.
}
