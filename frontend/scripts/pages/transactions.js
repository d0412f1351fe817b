import { call, press, Problem } from "../lib/api.js";
import { shortDay } from "../lib/dates.js";
import { fill, fragment, h, one, setTitle, show } from "../lib/dom.js";
import { balanceAfter, balanceWords, signedMoney } from "../lib/money.js";
import { memberPage } from "../lib/page.js";
import { asAtWords } from "../lib/show.js";

const KINDS = { charge: "Charge", payment: "Payment", benefit: "Benefit", adjustment: "Adjustment", refund: "Refund" };

let cursor = null;
let path = "";

memberPage(async () => {
  const { body: balance } = await call("GET", "/balance");
  const account = balance.rent_accounts.find(({ rent_account_id: id }) => id === fragment()) ?? (fragment() ? null : balance.rent_accounts[0]);
  if (!account) throw new Problem({ status: 404 });
  const name = `Charges and payments: ${account.name}`;
  one("#heading").textContent = name;
  setTitle("", name);
  one("#balance").textContent = balanceWords(account.balance_pence);
  one("#as-at").textContent = asAtWords(account.as_at);
  path = `/balance/${encodeURIComponent(account.rent_account_id)}/transactions`;
  cursor = null;
  fill("#lines");
  await earlier();
});

addEventListener("hashchange", () => location.reload());

async function earlier() {
  const { body } = await call("GET", `${path}${cursor ? `?cursor=${encodeURIComponent(cursor)}` : ""}`);
  const before = one("#lines").rows.length;
  one("#lines").append(...body.transactions.map(row));
  cursor = body.next_cursor ?? null;
  const count = one("#lines").rows.length;
  show("#none", count === 0);
  show("#some", count > 0);
  show("#more", Boolean(cursor));
  one("#shown").textContent = before && count > before ? `${count} lines are shown.` : "";
}

// The roles are said aloud because the phone's layout, a grid, would take them from the table.
function row(line) {
  const kind = KINDS[line.kind] ?? "";
  const what = line.description || kind;
  return h(
    "tr",
    { role: "row" },
    h("td", { role: "cell" }, what, h("time", { datetime: line.posted_on }, shortDay(line.posted_on), kind && what !== kind ? `, ${kind.toLowerCase()}` : "")),
    h("td", { role: "cell", class: "app-number" }, signedMoney(line.amount_pence)),
    h("td", { role: "cell", class: "app-number" }, balanceAfter(line.balance_pence)),
  );
}

one("#more").addEventListener("click", (event) =>
  press(event, earlier, (problem) => {
    one("#shown").textContent = problem.words;
  }),
);
