/** Money is a whole number of pence; a positive balance is owed by the tenant. */

/** "£1,234.50"; a negative amount has a true minus sign. */
export function money(pence) {
  const whole = Math.floor(Math.abs(pence) / 100);
  const rest = String(Math.abs(pence) % 100).padStart(2, "0");
  return `${pence < 0 ? "\u2212" : ""}£${String(whole).replace(/\B(?=(\d{3})+$)/g, ",")}.${rest}`;
}

/** "You owe £123.45", "You are £20.00 in credit", "You owe nothing". */
export function balanceWords(pence) {
  if (pence > 0) return `You owe ${money(pence)}`;
  if (pence < 0) return `You are ${money(-pence)} in credit`;
  return "You owe nothing";
}

/** A line of an account: "+£104.20" adds to what is owed, "−£50.00" takes away from it. */
export function signedMoney(pence) {
  return pence > 0 ? `+${money(pence)}` : money(pence);
}

/** A balance after a line: "£54.20", or "£20.00 in credit". */
export function balanceAfter(pence) {
  return pence < 0 ? `${money(-pence)} in credit` : money(pence);
}

/**
 * Pounds as people type them, in pence: "12", "12.5", "£1,234.50", " 12.50 ".
 *
 * A comma stands before three figures or is refused: "12,50" may mean £12.50, and is never read as £1,250.
 *
 * @returns {number|null} null where it is not an amount of money; never through a fraction.
 */
export function readPounds(typed) {
  const match = /^£?(\d{1,3}(?:,\d{3}){1,2}|\d{1,9})(?:\.(\d{1,2})?)?$/.exec(typed.replace(/\s/g, ""));
  if (!match) return null;
  return Number(match[1].replace(/,/g, "")) * 100 + Number((match[2] ?? "").padEnd(2, "0"));
}

const PERIODS = { weekly: [1, "week", 52], fortnightly: [2, "week", 52], four_weekly: [4, "week", 52], monthly: [1, "month", 12] };

/**
 * How long it takes to clear what is owed: "7 weeks", "60 weeks, which is more than a year", "14 months, …".
 *
 * @param {number} owed pence, more than 0
 * @param {number} each pence paid each time, more than 0
 * @param {string} frequency as the API has it: weekly, fortnightly, four_weekly or monthly
 */
export function timeToClear(owed, each, frequency) {
  const [length, unit, inAYear] = PERIODS[frequency];
  const count = Math.ceil(owed / each) * length;
  const years = Math.floor(count / inAYear);
  const words = `${count} ${unit}${count === 1 ? "" : "s"}`;
  if (!years) return words;
  return `${words}, which is ${count % inAYear ? "more than " : ""}${years === 1 ? "a year" : `${years} years`}`;
}
