import { call, Problem } from "../lib/api.js";
import { longDay, today } from "../lib/dates.js";
import { fill, h, one, show } from "../lib/dom.js";
import { showProblem } from "../lib/forms.js";
import { memberPage, tenancyOf } from "../lib/page.js";
import { accountPanel, link, p, repairCard } from "../lib/show.js";
import { repairFinished } from "../lib/words.js";

memberPage(async (session) => {
  const { tenancies } = session.customer;
  if (!tenancyOf(session) || location.hash === "#choose") return drawChoice(session);
  const tenancy = tenancyOf(session);
  const [{ body: balance }, { body: repairs }] = await Promise.all([call("GET", "/balance"), call("GET", "/repairs")]);
  const over = tenancy.end_date && tenancy.end_date < today();

  one("#hello").textContent = `Hello ${session.customer.first_name}`;
  fill("#address", tenancy.address, tenancies.length > 1 ? [" ", chooseLink()] : null);
  fill("#needs-you", over ? endedNotice(tenancy) : null);
  fill(
    "#accounts",
    balance.rent_accounts.length
      ? balance.rent_accounts.map((account) => accountPanel(account, { named: balance.rent_accounts.length > 1 }))
      : p("Your rent account is not here yet. A new one comes within seven days."),
  );
  drawRepairs(repairs.repairs.filter((repair) => !repairFinished(repair.status)), over);
  show("#choose-home", false);
  return show("#at-home");
});

function chooseLink() {
  const anchor = link("#choose", "See another home", true);
  anchor.addEventListener("click", () => setTimeout(() => location.reload()));
  return anchor;
}

function endedNotice(tenancy) {
  return h(
    "div",
    { class: "app-notice" },
    p(
      h("strong", {}, `This tenancy ended on ${longDay(tenancy.end_date)}.`),
      " You can see the balance, pay, and look back at your repairs for twelve months after that. For a new repair, ring us.",
    ),
  );
}

function drawRepairs(open, over) {
  const report = over
    ? null
    : h("div", { class: "app-buttons" }, h("a", { class: "govuk-button govuk-button--secondary", href: "/repairs/report/" }, "Report a repair"), link("/repairs/", "All your repairs", true));
  fill(
    "#repairs",
    open.length ? h("ul", { class: "app-cards" }, open.slice(0, 5).map(repairCard)) : p("No repairs are open."),
    over ? p(link("/repairs/", "Past repairs", true)) : report,
  );
}

function drawChoice(session) {
  fill(
    "#homes",
    session.customer.tenancies.map((tenancy) =>
      h(
        "li",
        {},
        h(
          "a",
          {
            class: "govuk-link",
            href: "/home/",
            onclick: (event) => {
              event.preventDefault();
              choose(tenancy);
            },
          },
          tenancy.address,
        ),
        h("span", {}, `Reference ${tenancy.tenancy_reference}${tenancy.end_date ? `, ${tenancy.end_date < today() ? "ended" : "ends"} ${longDay(tenancy.end_date)}` : ""}`),
      ),
    ),
  );
  show("#at-home", false);
  show("#choose-home");
}

async function choose({ tenancy_id }) {
  try {
    await call("PUT", "/session", { body: { tenancy_id } });
  } catch (failure) {
    if (!(failure instanceof Problem)) throw failure;
    showProblem(one("#choose-home"), failure);
    return;
  }
  history.replaceState(null, "", "/home/");
  location.reload();
}
