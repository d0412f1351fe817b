/** Which rent account a page is about: the one that the fragment names, else the first. */

import { call, Problem } from "./api.js";
import { fill, fragment, h, one, setTitle, show } from "./dom.js";

/**
 * The account, its name put into the page's heading; a page of several gets links to the others in `#others`.
 *
 * @param {string} what what the page shows of it: "Statement"
 * @returns {Promise<object>} the account as `GET /balance` has it
 * @throws {Problem} 404 where the fragment names none of them, or there is none
 */
export async function chosenAccount(what) {
  const { body } = await call("GET", "/balance");
  const accounts = body.rent_accounts;
  const account = accounts.find(({ rent_account_id: id }) => id === fragment()) ?? (fragment() ? null : accounts[0]);
  if (!account) throw new Problem({ status: 404 });
  const name = `${what}: ${account.name}`;
  one("#heading").textContent = name;
  setTitle("", name);
  const others = accounts.filter((other) => other !== account);
  fill(
    "#others",
    others.flatMap((other) => [h("a", { class: "govuk-link app-action", href: `#${other.rent_account_id}` }, `${what}: ${other.name}`), " "]),
  );
  show("#others", others.length > 0);
  return account;
}

/** The address of something of the account under the API. */
export const accountPath = (account, what) => `/balance/${encodeURIComponent(account.rent_account_id)}/${what}`;

// Another account in the same page is another page.
addEventListener("hashchange", () => location.reload());
