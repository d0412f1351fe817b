import { call } from "../lib/api.js";
import { shortDay } from "../lib/dates.js";
import { all, fill, h, one, show } from "../lib/dom.js";
import { Checks, onSubmit } from "../lib/forms.js";
import { memberPage } from "../lib/page.js";
import { link } from "../lib/show.js";
import { doneWith, views } from "../lib/views.js";
import { relationshipWords } from "../lib/words.js";

let members = [];
let current = null;

memberPage(async () => {
  await load();
  views({ list: drawList, change: enterChange, remove: enterRemove });
});

async function load() {
  ({ members } = (await call("GET", "/household")).body);
}

const found = (id) => members.find((member) => member.member_id === id);

function drawList() {
  show("#none", !members.length);
  show("#members", members.length > 0);
  fill(
    "#members",
    members.map((member) =>
      h(
        "li",
        { class: "app-card" },
        h("p", {}, h("strong", {}, member.name)),
        h("p", {}, relationshipWords(member.relationship), member.date_of_birth ? `, born ${shortDay(member.date_of_birth)}` : ""),
        h(
          "div",
          { class: "app-buttons" },
          action(`#change:${member.member_id}`, "Change", member.name),
          action(`#remove:${member.member_id}`, "Moved out", member.name),
        ),
      ),
    ),
  );
}

function action(href, words, name) {
  const anchor = link(href, words, true);
  anchor.append(h("span", { class: "govuk-visually-hidden" }, ` ${name}`));
  return anchor;
}

function enterChange(id) {
  current = found(id);
  if (!current) return false;
  one("#changing").textContent = current.name;
  const form = one("#change");
  form.elements.name.value = current.name;
  for (const radio of all("[name=relationship]", form)) radio.checked = radio.value === current.relationship;
  const [year = "", month = "", day = ""] = (current.date_of_birth ?? "").split("-");
  form.elements["date_of_birth-day"].value = day.replace(/^0/, "");
  form.elements["date_of_birth-month"].value = month.replace(/^0/, "");
  form.elements["date_of_birth-year"].value = year;
  return true;
}

function enterRemove(id) {
  current = found(id);
  if (!current) return false;
  one("#remove-name").textContent = current.name;
  return true;
}

function read(form) {
  const checks = new Checks();
  const name = checks.needed(form, "name", "Enter their full name");
  const relationship = checks.picked(form, "relationship", "Choose who they are to you");
  const born = checks.day(form, "date_of_birth", { label: "Date of birth", optional: true, mayBeToday: true });
  checks.done();
  return { name, relationship, date_of_birth: born };
}

onSubmit("#add", async (form) => {
  const { date_of_birth: born, ...told } = read(form);
  await call("POST", "/household/members", { body: { ...told, ...(born ? { date_of_birth: born } : {}) } });
  form.reset();
  await load();
  doneWith(`We have added ${told.name}.`);
});

onSubmit("#change", async (form) => {
  const told = read(form);
  const changed = Object.fromEntries(Object.entries(told).filter(([name, value]) => value !== (current[name] ?? null)));
  if (Object.keys(changed).length) await call("PATCH", `/household/members/${encodeURIComponent(current.member_id)}`, { body: changed });
  await load();
  doneWith(`We have saved what you changed for ${told.name}.`);
});

onSubmit("#remove", async () => {
  const { member_id: id, name } = current;
  await call("DELETE", `/household/members/${encodeURIComponent(id)}`);
  await load();
  doneWith(`We have taken ${name} off the list.`);
});

