import { call } from "../lib/api.js";
import { fill } from "../lib/dom.js";
import { memberPage } from "../lib/page.js";
import { accountPanel, link, p } from "../lib/show.js";

memberPage(async () => {
  const { body } = await call("GET", "/balance");
  fill(
    "#accounts",
    body.rent_accounts.length
      ? body.rent_accounts.map((account) => accountPanel(account, { details: true, heading: "h2" }))
      : p("Your rent account is not here yet. A new one comes within seven days."),
    p(link("/pay/history/", "Payments made here", true)),
  );
});
