/** The words of regular payments. They stand by themselves, so that no other page carries them. */

import { plain } from "./words.js";

const REGULAR = {
  awaiting_card: ["Waiting for your card", ""],
  active: ["On", "done"],
  paused: ["Paused", "quiet"],
  stopped: ["Stopped", "quiet"],
  failed: ["Stopped", "bad"],
};

const REGULAR_REASON = {
  asked: "You stopped it. We take no more.",
  failures: "It did not go through three times in a row, so we stopped it.",
  no_card: "Your card was not saved, so it never started. Nothing was taken. You can set up a new one.",
  card_gone: "Our payment provider does not have your card any more. You can set up a new one.",
  tenancy_over: "The tenancy has ended, or you are not named on it any more.",
  account_gone: "The rent account is not there any more.",
};

const WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

export const regularWords = (status) => REGULAR[status]?.[0] ?? plain(status);
export const regularTone = (status) => REGULAR[status]?.[1] ?? "quiet";
export const regularReason = (why) => REGULAR_REASON[why] ?? "";

/** "1st", "22nd", "last day": a day of the month as the API names it. */
function monthDay(day) {
  if (day === "last") return "last day";
  return `${day}${{ 1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd" }[day] ?? "th"}`;
}

/** When a regular payment is taken: "every Friday", "on the 1st of every month". */
export function takenWords({ frequency, day }) {
  return frequency === "weekly" ? `every ${plain(day)}` : `on the ${monthDay(day)} of every month`;
}

/** The days that can be chosen, each with its words: those that every week, or every month, has. */
export function dayOptions(frequency) {
  if (frequency === "weekly") return WEEKDAYS.map((day) => [day.toLowerCase(), day]);
  return [...Array.from({ length: 28 }, (_, index) => String(index + 1)), "last"].map((day) => [day, day === "last" ? "Last day of the month" : monthDay(day)]);
}
