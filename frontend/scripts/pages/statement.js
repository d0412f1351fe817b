import { accountPath, chosenAccount } from "../lib/accounts.js";
import { call, press, saveFile } from "../lib/api.js";
import { dayOf, shortDay } from "../lib/dates.js";
import { fill, h, one } from "../lib/dom.js";
import { Checks, onSubmit, showProblem } from "../lib/forms.js";
import { balanceAfter, balanceWords } from "../lib/money.js";
import { memberPage } from "../lib/page.js";
import { factRow, lineRow } from "../lib/show.js";

let account = null;
let days = {};

memberPage(async () => {
  account = await chosenAccount("Statement");
  await draw({});
});

const query = (more = {}) => {
  const text = new URLSearchParams({ ...days, ...more }).toString();
  return accountPath(account, `statement${text ? `?${text}` : ""}`);
};

async function draw(wanted) {
  days = wanted;
  const { body: made } = await call("GET", query());
  days = { from: made.from, to: made.to };
  fill("#tenant", made.tenant.flatMap((line) => [line, h("br")]));
  fill("#landlord", made.landlord.flatMap((line) => [line, h("br")]));
  fill(
    "#facts",
    factRow("Tenancy reference", made.tenancy_reference),
    factRow("Rent account", `${made.name}, ${made.reference}`),
    factRow("From", shortDay(made.from)),
    factRow("To", shortDay(made.to)),
    factRow("Made on", shortDay(dayOf(made.made_at))),
  );
  one("#closing").textContent = `${balanceWords(made.closing_pence)} at the end of ${shortDay(made.to)}`;
  fill("#lines", [balanceRow("Balance before", made.opening_pence), ...made.transactions.map(lineRow), balanceRow("Balance after", made.closing_pence)]);
}

const balanceRow = (words, pence) =>
  h("tr", { role: "row" }, h("td", { role: "cell" }, h("strong", {}, words)), h("td", { role: "cell", class: "app-number" }), h("td", { role: "cell", class: "app-number" }, balanceAfter(pence)));

onSubmit("#days", async (form) => {
  const checks = new Checks();
  const from = checks.day(form, "from", { label: "First day", mayBeToday: true });
  const to = checks.day(form, "to", { label: "Last day", mayBeToday: true });
  if (from && to && to < from) checks.fail("to", "Last day must be the first day or later");
  checks.done();
  await draw({ from, to });
  one("#closing").scrollIntoView({ block: "center" });
});

const tell = (problem) => showProblem(one("#days"), problem);
const save = (format) => (event) => press(event, () => saveFile(query({ format }), `statement-${days.from}-to-${days.to}.${format}`), tell);

one("#save-pdf").addEventListener("click", save("pdf"));
one("#save-csv").addEventListener("click", save("csv"));
one("#print").addEventListener("click", () => print());
