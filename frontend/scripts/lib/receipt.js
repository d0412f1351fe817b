/** The receipt of a payment whose money was taken, saved on the device. */

import { saveFile } from "./api.js";

/** Save it under the payment's reference, as the API calls it; throws a `Problem`. */
export const saveReceipt = (payment) => saveFile(`/pay/${encodeURIComponent(payment.payment_id)}/receipt`, `receipt-${payment.reference}.pdf`);
