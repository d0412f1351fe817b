import { call, press } from "../lib/api.js";
import { longDay, today } from "../lib/dates.js";
import { all, fill, fragment, h, one, show } from "../lib/dom.js";
import { showProblem } from "../lib/forms.js";
import { memberPage, tenancyOf } from "../lib/page.js";
import { p, repairCard } from "../lib/show.js";
import { repairFinished } from "../lib/words.js";

const NONE = {
  all: "You have not reported a repair yet. When you do, you can follow it here.",
  open: "Nothing is being dealt with just now.",
  finished: "Nothing is finished yet.",
};

let cursor = null;
const which = () => (fragment() in NONE ? fragment() : "all");

memberPage(async (session) => {
  const tenancy = tenancyOf(session);
  const over = tenancy?.end_date && tenancy.end_date < today();
  show("#report", !over);
  show("#ended", Boolean(over));
  if (over) fill("#ended", p(h("strong", {}, `This tenancy ended on ${longDay(tenancy.end_date)}.`), " You can look back at its repairs here. For a new one, ring us."));
  await list();
});

async function list() {
  cursor = null;
  fill("#open-list");
  fill("#past-list");
  for (const link of all("#filter a")) {
    if (link.hash === `#${which()}`) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  await earlier();
}

addEventListener("hashchange", () => list().catch((problem) => showProblem(one("#ready"), problem)));
one("#print").addEventListener("click", () => print());

async function earlier() {
  const query = new URLSearchParams({ ...(which() === "all" ? {} : { status: which() }), ...(cursor ? { cursor } : {}) });
  const { body } = await call("GET", `/repairs${query.size ? `?${query}` : ""}`);
  for (const repair of body.repairs) one(repairFinished(repair.status) ? "#past-list" : "#open-list").append(repairCard(repair));
  cursor = body.next_cursor ?? null;
  show("#open", all("#open-list > li").length > 0);
  show("#past", all("#past-list > li").length > 0);
  one("#none-words").textContent = NONE[which()];
  show("#none", all("#open-list > li, #past-list > li").length === 0);
  show("#more", Boolean(cursor));
}

one("#more").addEventListener("click", (event) => press(event, earlier, (problem) => showProblem(one("#ready"), problem)));
