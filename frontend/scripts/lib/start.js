/** What every page does first: say when there is no signal, and show the members' way round to those who are in. */

import { moveTo, one, show } from "./dom.js";
import { signedInAs } from "./keep.js";

document.body.classList.add("js-enabled", "govuk-frontend-supported");

const notice = one("#offline");
const tell = () => show(notice, navigator.onLine === false);
addEventListener("online", tell);
addEventListener("offline", tell);
tell();

// The address keeps its fragment: it says which repair, registration or step the page is about.
one(".govuk-skip-link").addEventListener("click", (event) => {
  event.preventDefault();
  moveTo(one("#main"));
});

// A public page cannot know who is logged in without asking; the tab remembers that somebody is.
if (signedInAs()) {
  show("#member-nav");
  show(".guest-only", false);
}
