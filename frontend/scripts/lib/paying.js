/** What every form that has money taken asks and does. */

import { brand } from "./dom.js";
import { FormErrors, text } from "./forms.js";
import { money, readPounds } from "./money.js";

const least = Number(brand.minimum);
const most = Number(brand.maximum);

/** The pence typed into `amount_pence`, from what can be paid here at least to at most; else what is wrong is noted. */
export function amountToPay(checks, form) {
  const typed = text(form, "amount_pence");
  const pence = readPounds(typed);
  if (!typed) checks.fail("amount_pence", "Enter an amount");
  else if (pence === null) checks.fail("amount_pence", "Amount must be in pounds and pence, such as 62.50");
  else if (pence < least) checks.fail("amount_pence", `Amount must be ${money(least)} or more`);
  else if (pence > most) checks.fail("amount_pence", `Amount must be ${money(most)} or less. To pay more, ring us on ${brand.phone}`);
  return pence;
}

/** Whether an amount can be paid here. */
export const payable = (pence) => pence >= least && pence <= most;

/** Go to the provider's page, where it is one that we may send somebody to; else to `otherwise`. */
export function goToProvider(checkoutUrl, otherwise) {
  const page = new URL(checkoutUrl ?? otherwise, location.href);
  if (page.protocol !== "https:" && page.origin !== location.origin) {
    throw new FormErrors([{ field: null, message: `We could not open the payment page. Nothing was taken. Ring us on ${brand.phone}` }]);
  }
  location.assign(page);
}
