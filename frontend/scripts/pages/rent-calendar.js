import { accountPath, chosenAccount } from "../lib/accounts.js";
import { call, press, saveFile } from "../lib/api.js";
import { longDay, shortDay, today } from "../lib/dates.js";
import { fill, h, one, show } from "../lib/dom.js";
import { showProblem } from "../lib/forms.js";
import { balanceWords, money } from "../lib/money.js";
import { memberPage } from "../lib/page.js";
import { factRow, p } from "../lib/show.js";
import { oftenWords } from "../lib/words.js";

const EVERY = { week: "a week", fortnight: "every two weeks", four_weeks: "every four weeks", month: "a month" };

let account = null;

memberPage(async () => {
  account = await chosenAccount("Your rent year");
  const { body: plan } = await call("GET", accountPath(account, "calendar"));
  show("#nothing", !plan.year);
  show("#year", Boolean(plan.year));
  if (plan.year) draw(plan, plan.year);
});

function draw(plan, year) {
  show("#worked-out", plan.inferred || year.inferred);
  const charged = year.periods.filter(({ charge_pence: pence }) => pence > 0).length;
  fill(
    "#facts",
    factRow("You are charged", `${money(plan.charge_pence)} ${oftenWords(plan.charge_frequency)}`),
    plan.next_charge_on && factRow("Next charge", longDay(plan.next_charge_on)),
    factRow("This rent year", `${shortDay(year.starts_on)} to ${shortDay(year.ends_on)}: ${charged} charges, ${money(year.total_pence)}`),
  );
  fill("#extra", year.extra_charge ? p(h("strong", {}, year.extra_charge.text)) : null);
  show("#extra", Boolean(year.extra_charge));
  one("#now").textContent = `${balanceWords(plan.balance_pence)} today. To owe nothing on ${shortDay(year.ends_on)}, from today on pay one of these:`;
  fill("#from-today", ways(year.from_today));
  fill("#for-the-year", ways(year.for_the_year));
  one("#benefit").textContent = `Universal Credit takes ${money(year.universal_credit_pence)} a month for this rent. Tell it ${money(plan.charge_pence)} ${oftenWords(plan.charge_frequency)}${year.free_weeks.length && plan.charge_frequency === "weekly" ? ` and ${year.free_weeks.length} rent-free ${year.free_weeks.length === 1 ? "week" : "weeks"} a year` : ""}.`;
  drawFree(plan, year);
  fill("#periods", year.periods.map(row));
}

const ways = (list) => list.map(({ every, amount_pence: pence, payments }) => factRow(`${money(pence)}`, `${EVERY[every]}${payments ? `, ${payments} ${payments === 1 ? "time" : "times"}` : ""}`));

function drawFree(plan, year) {
  const free = year.periods.filter(({ charge_pence: pence }) => pence === 0);
  show("#free", free.length > 0);
  fill("#free-weeks", free.map(({ charged_on: day }) => h("li", {}, `The week that begins on ${longDay(day)}`)));
  show("#keep-paying", plan.balance_pence > 0);
}

function row(period) {
  const past = period.charged_on < today();
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, h("time", { datetime: period.charged_on }, shortDay(period.charged_on)), past ? h("span", { class: "govuk-visually-hidden" }, " (past)") : null),
    h("td", { class: "app-number" }, period.charge_pence ? money(period.charge_pence) : "No rent"),
  );
}

one("#save").addEventListener("click", (event) =>
  press(event, () => saveFile(accountPath(account, "calendar.ics"), "rent-calendar.ics"), (problem) => showProblem(one("#ready"), problem)),
);
