/** A repair's photos: adding them straight to S3, seeing what became of each, taking them away. */

import { call, Problem } from "./api.js";
import { eventWords } from "./dates.js";
import { fill, h, moveTo, one, show } from "./dom.js";
import { clearErrors, FormErrors, onSubmit, showProblem } from "./forms.js";
import { p } from "./show.js";
import { fileFault, fileType } from "./words.js";

const MOST = 6;
const LOOK_AGAIN = 2_000;
const LOOKS = 45;

const form = one("#photo");
let path = "";
let open = false;
let photos = [];
let looking = false;

/**
 * Show a repair's photos in `#photos`, and let them be added and taken away.
 *
 * @param {string} repairId
 * @param {boolean} canAdd whether more can be added
 */
export async function showPhotos(repairId, canAdd) {
  path = `/repairs/${encodeURIComponent(repairId)}/photos`;
  open = canAdd;
  try {
    await load();
    look();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    show("#photos");
    show(form, false);
    say(`We could not show the photos. ${problem.words}`);
  }
}

const say = (words) => { one("#photos-said").textContent = words; };

async function load() {
  ({ body: { photos } } = await call("GET", path));
  fill("#photo-list", photos.map(item));
  const room = photos.filter(({ state }) => state !== "refused").length < MOST;
  show("#photos", open || photos.length > 0);
  show(form, open && room);
  show("#photos-full", open && !room);
}

function item(photo, place) {
  const name = `photo ${place + 1}`;
  const draw = {
    shown: () => h("a", { href: photo.url }, h("img", { src: photo.small_url, alt: `Photo ${place + 1} of this repair, added ${eventWords(photo.added_at)}. Open it larger.` })),
    checking: () => p(`We are checking ${name}.`),
    refused: () => h("div", { class: "app-notice app-notice--warning" }, p(photo.message)),
  };
  const remove = h("button", { type: "button", class: "govuk-button govuk-button--secondary no-print", onclick: (event) => takeAway(event, photo, name) }, "Remove", h("span", { class: "govuk-visually-hidden" }, ` ${name}`));
  return h("li", {}, draw[photo.state](), photo.state === "checking" ? null : remove);
}

async function takeAway({ currentTarget: button }, photo, name) {
  button.disabled = true;
  clearErrors();
  try {
    await call("DELETE", `${path}/${photo.photo_id}`);
    await load();
    say(`We have removed ${name}.`);
    moveTo(one("#photos-heading"));
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    button.disabled = false;
    showProblem(form, problem);
  }
}

/** Look until nothing is being checked any more, and say what came of it. */
async function look() {
  const isChecked = () => photos.every(({ state }) => state !== "checking");
  if (looking || isChecked()) return;
  looking = true;
  for (let turn = 0; turn < LOOKS && !isChecked(); turn += 1) {
    await new Promise((done) => setTimeout(done, LOOK_AGAIN));
    try {
      await load();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
    }
  }
  looking = false;
  const refused = photos.some(({ state }) => state === "refused");
  if (!isChecked()) say("That takes longer than usual. Look at this repair again in a few minutes.");
  else say(refused ? "We could not take every photo. Each one says why." : "Your photos are with this repair.");
}

async function send(file) {
  const { body } = await call("POST", path, { body: { content_type: fileType(file), size: file.size } });
  const fields = new FormData();
  for (const [name, value] of Object.entries(body.fields)) fields.append(name, value);
  fields.append("file", file);
  const answer = await fetch(body.url, { method: "POST", body: fields, credentials: "omit" }).catch(() => null);
  if (answer?.ok) return;
  // Its place is given back at once, or by itself within the hour.
  await call("DELETE", `${path}/${body.photo_id}`).catch(() => null);
  throw new Problem({ slug: "not-sent", words: "It did not get through. Check your connection, then add it again." });
}

/** One after another: a slow line is not shared, and one that fails loses no other. */
onSubmit("#photo", async () => {
  const files = [...form.elements.file.files];
  if (!files.length) throw new FormErrors([{ field: "file", message: "Choose a photo first" }]);
  const faults = [];
  for (const [turn, file] of files.entries()) {
    say(`Sending photo ${turn + 1} of ${files.length}.`);
    const fault = fileFault(file);
    try {
      if (fault) faults.push(`${file.name} ${fault}`);
      else await send(file);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      faults.push(`${file.name} was not added. ${problem.words}`);
      if (problem.slug === "photos-full") break;
    }
  }
  form.reset();
  say("");
  await load();
  look();
  if (faults.length) throw new FormErrors(faults.map((message, place) => ({ field: place ? null : "file", message })));
});
