/** The API's states in a tenant's words. A state that is not known here is shown as it is, without its underscores. */

import { clock, longDay } from "./dates.js";

/** Such a state as it is, with a capital and without its underscores. */
export const plain = (state) => {
  const words = String(state ?? "").replace(/[_-]/g, " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
};

const PAYMENT = {
  created: ["Started", "quiet"],
  pending: ["Waiting for the bank", ""],
  succeeded: ["Paid", "done"],
  failed: ["Not paid", "bad"],
  cancelled: ["Cancelled", "quiet"],
  expired: ["Ran out of time", "quiet"],
  refunded: ["Paid back to you", "quiet"],
  disputed: ["Taken back by your bank", "bad"],
  dispute_won: ["Paid", "done"],
};

// The states of portal.repairs.rules.STATUSES.
const REPAIR = {
  reported: "We have your report",
  open: "We have your report",
  accepted: "Accepted",
  assigned: "With our repairs team",
  scheduled: "Visit arranged",
  in_progress: "Being done",
  on_hold: "On hold",
  awaiting_materials: "Waiting for parts",
  awaiting_approval: "Waiting for a go-ahead",
  no_access: "We could not get in",
  reopened: "Opened again",
  completed: "Done",
  closed: "Closed",
  cancelled: "Cancelled",
};

const FINISHED = new Set(["completed", "closed", "cancelled"]);

const PRIORITY = { emergency: "Emergency", urgent: "Urgent", routine: "Routine" };

const DUTY = {
  investigate: "We must look into it",
  send_summary: "We must write to you with what we found",
  make_safe: "It must be safe",
  begin_works: "The work must start",
};

// What happened, where it is more than a change of the repair's state.
const HAPPENED = {
  appointment: "A visit was arranged",
  on_the_way: "Somebody is on the way",
  visited: "We came",
  follow_on: "More work is needed",
  investigated: "We finished looking into it",
  emergency_found: "We found that it is an emergency",
  summary_sent: "We wrote to you with what we found",
  made_safe: "It was made safe",
  steps_taken: "We took steps to start the work",
  works_begun: "The work started",
  renewed_investigation: "We were asked to look again",
  accommodation_offered: "We offered you another place to stay",
  access_attempted: "We tried to get in",
  note_added: "You added to it",
  completed: "Done",
};

const DUTY_STATE = { waiting: "Not started yet", due: "Still to do", met: "Done", missed: "Late. Ring us." };

const RELATIONSHIP = {
  partner: "Partner, husband or wife",
  child: "Child",
  parent: "Parent",
  sibling: "Brother or sister",
  other_relative: "Another relative",
  friend: "Friend",
  lodger: "Lodger",
  carer: "Carer",
  other: "Somebody else",
};

const OFTEN = { weekly: "a week", fortnightly: "every two weeks", four_weekly: "every four weeks", monthly: "a month" };

const PERIOD = { morning: "in the morning", afternoon: "in the afternoon", school_run: "between the school runs", all_day: "during the day" };

const CONTACT_BY = { email: "Email", phone: "Phone call", text: "Text message", letter: "Letter" };

export const paymentWords = (status) => PAYMENT[status]?.[0] ?? plain(status);
export const paymentTone = (status) => PAYMENT[status]?.[1] ?? "quiet";
export const repairWords = (status) => REPAIR[status] ?? plain(status);
export const repairFinished = (status) => FINISHED.has(status);
export const priorityWords = (priority) => PRIORITY[priority] ?? plain(priority);
export const dutyWords = (duty) => DUTY[duty] ?? plain(duty);
export const dutyStateWords = (state) => DUTY_STATE[state] ?? plain(state);
export const relationshipWords = (relationship) => RELATIONSHIP[relationship] ?? plain(relationship);
export const oftenWords = (frequency) => OFTEN[frequency] ?? plain(frequency).toLowerCase();
export const contactByWords = (way) => CONTACT_BY[way] ?? plain(way);
export const happenedWords = (event) => HAPPENED[event] ?? REPAIR[event] ?? plain(event);

/** A visit, or a time that can be chosen: "Tuesday 1 December in the morning, 8am to 12pm". */
export function visitWords({ date, period, starts_at: from, ends_at: to }) {
  return `${longDay(date)} ${PERIOD[period] ?? plain(period).toLowerCase()}, ${clock(from)} to ${clock(to)}`;
}

/** A telephone number as people write it: "07700 900123" for `+447700900123`. */
export function phoneWords(number) {
  const home = String(number).replace(/^\+44/, "0");
  if (!/^0\d{10}$/.test(home)) return home;
  // 020 7946 0123; 0161 496 0123, 0300 555 0142; 07700 900123, 01632 960123
  const [area, middle] = /^02/.test(home) ? [3, 7] : /^0(3(?!069)|8|11|1\d1)/.test(home) ? [4, 7] : [5, 11];
  return [home.slice(0, area), home.slice(area, middle), home.slice(middle)].filter(Boolean).join(" ");
}

const PICTURES = { jpg: "image/jpeg", jpeg: "image/jpeg", png: "image/png", webp: "image/webp", heic: "image/heic", heif: "image/heif" };
const MOST_BYTES = 10 * 1024 * 1024;

/** The type of a picture: as the browser knows it, by its name where it does not (HEIC on most computers), or null. */
export function fileType({ name, type }) {
  if (type) return Object.values(PICTURES).includes(type) ? type : null;
  return PICTURES[name.split(".").pop().toLowerCase()] ?? null;
}

/** What is wrong with a picture before it is sent, to follow its name, or "". */
export function fileFault(file) {
  if (!fileType(file)) return "is not a photo that we can take. Choose a JPEG, PNG, HEIC or WebP picture.";
  if (file.size > MOST_BYTES) return "is larger than 10 MB. Choose a smaller one, or take it again with a lower setting.";
  return file.size ? "" : "has nothing in it. Choose another one.";
}
