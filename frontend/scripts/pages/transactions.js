import { accountPath, chosenAccount } from "../lib/accounts.js";
import { call, press } from "../lib/api.js";
import { fill, h, one, show } from "../lib/dom.js";
import { Checks, onSubmit } from "../lib/forms.js";
import { balanceWords } from "../lib/money.js";
import { memberPage } from "../lib/page.js";
import { asAtWords, lineRow } from "../lib/show.js";

let cursor = null;
let path = "";
let asked = {};

memberPage(async () => {
  const account = await chosenAccount("Charges and payments");
  one("#balance").textContent = balanceWords(account.balance_pence);
  one("#as-at").textContent = asAtWords(account.as_at);
  path = accountPath(account, "transactions");
  await fromTheTop();
});

async function fromTheTop() {
  cursor = null;
  fill("#lines");
  await earlier();
}

async function earlier() {
  const before = one("#lines").rows.length;
  // A page of one kind looks through a hundred lines and may have found none of them.
  do {
    const query = new URLSearchParams({ ...asked, ...(cursor ? { cursor } : {}) }).toString();
    const { body } = await call("GET", `${path}${query ? `?${query}` : ""}`);
    one("#lines").append(...body.transactions.map(lineRow));
    cursor = body.next_cursor ?? null;
  } while (cursor && one("#lines").rows.length === before);
  const count = one("#lines").rows.length;
  const filtered = Object.keys(asked).length > 0;
  show("#none", count === 0 && !filtered);
  show("#none-of-these", count === 0 && filtered);
  show("#some", count > 0);
  show("#more", Boolean(cursor));
  one("#shown").textContent = (before && count > before) || filtered ? `${count} ${count === 1 ? "line is" : "lines are"} shown.` : "";
}

onSubmit("#only", async (form) => {
  const checks = new Checks();
  const from = checks.day(form, "from", { label: "First day", optional: true, mayBeToday: true });
  const to = checks.day(form, "to", { label: "Last day", optional: true, mayBeToday: true });
  if (from && to && to < from) checks.fail("to", "Last day must be the first day or later");
  checks.done();
  const kind = form.elements.kind.value;
  asked = { ...(kind ? { kind } : {}), ...(from ? { from } : {}), ...(to ? { to } : {}) };
  await fromTheTop();
});

one("#more").addEventListener("click", (event) =>
  press(event, earlier, (problem) => {
    one("#shown").textContent = problem.words;
  }),
);
