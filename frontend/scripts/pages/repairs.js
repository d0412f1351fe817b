import { call, press } from "../lib/api.js";
import { longDay, today } from "../lib/dates.js";
import { all, fill, h, one, show } from "../lib/dom.js";
import { showProblem } from "../lib/forms.js";
import { memberPage, tenancyOf } from "../lib/page.js";
import { p, repairCard } from "../lib/show.js";
import { repairFinished } from "../lib/words.js";

let cursor = null;

memberPage(async (session) => {
  const tenancy = tenancyOf(session);
  const over = tenancy?.end_date && tenancy.end_date < today();
  show("#report", !over);
  show("#ended", Boolean(over));
  if (over) fill("#ended", p(h("strong", {}, `This tenancy ended on ${longDay(tenancy.end_date)}.`), " You can look back at its repairs here. For a new one, ring us."));
  cursor = null;
  fill("#open-list");
  fill("#past-list");
  await earlier();
});

async function earlier() {
  const { body } = await call("GET", `/repairs${cursor ? `?cursor=${encodeURIComponent(cursor)}` : ""}`);
  for (const repair of body.repairs) one(repairFinished(repair.status) ? "#past-list" : "#open-list").append(repairCard(repair));
  cursor = body.next_cursor ?? null;
  show("#open", all("#open-list > li").length > 0);
  show("#past", all("#past-list > li").length > 0);
  show("#none", all("#open-list > li, #past-list > li").length === 0);
  show("#more", Boolean(cursor));
}

one("#more").addEventListener("click", (event) => press(event, earlier, (problem) => showProblem(one("#ready"), problem)));
