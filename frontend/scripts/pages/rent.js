import { accountPath } from "../lib/accounts.js";
import { call } from "../lib/api.js";
import { balanceChart } from "../lib/chart.js";
import { monthWords } from "../lib/dates.js";
import { fill, h } from "../lib/dom.js";
import { balanceAfter, money } from "../lib/money.js";
import { memberPage } from "../lib/page.js";
import { accountPanel, link, p } from "../lib/show.js";

memberPage(async () => {
  const { body } = await call("GET", "/balance");
  const accounts = body.rent_accounts;
  const told = await Promise.all(accounts.map(async (account) => (await call("GET", accountPath(account, "explanation"))).body));
  fill(
    "#accounts",
    accounts.length
      ? accounts.flatMap((account, index) => [accountPanel(account, { details: true, heading: "h2" }), ...explained(account, told[index])])
      : p("Your rent account is not here yet. A new one comes within seven days."),
    p(link("/pay/history/", "Payments made here", true)),
  );
});

function explained(account, { sentences, months }) {
  const id = account.rent_account_id;
  return [
    h("h3", { class: "govuk-heading-s" }, `Why it is so${forName(account)}`),
    // The balance itself stands above, large.
    h("ul", { class: "govuk-list govuk-list--spaced" }, sentences.slice(1).map(({ about, text }) => h("li", {}, text, about === "arrears" ? [" ", link("/pay/help/", "When money is short")] : null))),
    h(
      "ul",
      { class: "govuk-list" },
      h("li", {}, link(`/rent/statement/#${id}`, `Statement${forName(account)}`, true)),
      h("li", {}, link(`/rent/calendar/#${id}`, `Your rent year and what to pay${forName(account)}`, true)),
    ),
    ...(months.length > 1 ? lastYear(account, months) : []),
  ];
}

const forName = (account) => (account.kind === "home" ? "" : `: ${account.name}`);

function lastYear(account, months) {
  // Charged and paid only where there is room for four columns: what the chart shows is the balance.
  const row = (month) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, monthWords(month.ends_on)),
      [month.charged_pence, month.paid_pence].map((pence) => h("td", { class: "app-number app-table__extra" }, money(pence))),
      h("td", { class: "app-number" }, balanceAfter(month.balance_pence)),
    );
  const head = [["Month", null], ["Charged", "app-number app-table__extra"], ["Paid", "app-number app-table__extra"], ["Balance", "app-number"]];
  return [
    h("h3", { class: "govuk-heading-s" }, `Your balance over the last year${forName(account)}`),
    balanceChart(months),
    h(
      "details",
      { class: "govuk-details" },
      h("summary", { class: "govuk-details__summary" }, h("span", { class: "govuk-details__summary-text" }, `The same in numbers${forName(account)}`)),
      h(
        "table",
        { class: "app-table app-table--numbers" },
        h("caption", { class: "govuk-visually-hidden" }, `The balance at the end of each month${forName(account)}`),
        h("thead", {}, h("tr", {}, head.map(([words, kind]) => h("th", { scope: "col", class: kind }, words)))),
        h("tbody", {}, [...months].reverse().map(row)),
      ),
    ),
  ];
}
