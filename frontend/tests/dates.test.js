import assert from "node:assert/strict";
import { test } from "node:test";

import { clock, dayOf, deadlineWords, eventWords, longDay, momentWords, monthNumber, monthWords, nearDay, readDay, today, waitWords } from "../scripts/lib/dates.js";

const NOW = new Date("2026-11-24T23:30:00Z");
const BORN = { label: "Date of birth", now: NOW };

test("a code's end is said as London's clock shows it, in winter and in summer", () => {
  assert.equal(momentWords("2026-11-25T04:00:00Z", NOW), "4am on Wednesday 25 November");
  assert.equal(momentWords("2026-07-01T03:00:00Z", NOW), "4am on Wednesday 1 July");
  assert.equal(momentWords("2027-01-02T16:05:00Z", NOW), "4:05pm on Saturday 2 January 2027");
});

test("midday and midnight have names", () => {
  assert.equal(clock("2026-11-24T12:00:00Z"), "midday");
  assert.equal(clock("2026-11-24T00:00:00Z"), "midnight");
  assert.equal(clock("2026-11-24T12:30:00Z"), "12:30pm");
  assert.equal(clock("2026-11-24T00:30:00Z"), "12:30am");
});

test("a moment belongs to London's day, both sides of both clock changes", () => {
  assert.equal(dayOf("2026-03-29T00:59:59Z"), "2026-03-29");
  assert.equal(clock("2026-03-29T00:59:00Z"), "12:59am");
  assert.equal(clock("2026-03-29T01:00:00Z"), "2am");
  assert.equal(clock("2026-10-25T00:30:00Z"), "1:30am");
  assert.equal(clock("2026-10-25T01:30:00Z"), "1:30am");
  assert.equal(dayOf("2026-06-30T23:15:00Z"), "2026-07-01");
});

test("a deadline that ends with its day says so", () => {
  assert.equal(deadlineWords("2026-12-21T23:59:59Z", NOW), "by the end of Monday 21 December");
  assert.equal(deadlineWords("2026-07-21T22:59:59Z", NOW), "by the end of Tuesday 21 July");
  assert.equal(deadlineWords("2026-11-25T16:00:00Z", NOW), "by 4pm on Wednesday 25 November");
});

test("the year is said where it is not this one", () => {
  assert.equal(longDay("2026-12-07", NOW), "Monday 7 December");
  assert.equal(longDay("2027-01-06", NOW), "Wednesday 6 January 2027");
});

test("near days have names", () => {
  assert.equal(nearDay("2026-11-24", NOW), "today, Tuesday 24 November");
  assert.equal(nearDay("2026-11-25", NOW), "tomorrow, Wednesday 25 November");
  assert.equal(nearDay("2026-11-23", NOW), "yesterday, Monday 23 November");
  assert.equal(nearDay("2026-11-20", NOW), "Friday 20 November");
});

test("today is London's, also in the summer night when UTC is still yesterday", () => {
  assert.equal(today(new Date("2026-07-01T23:30:00Z")), "2026-07-02");
  assert.equal(today(NOW), "2026-11-24");
});

test("a month is understood as a number or in words", () => {
  for (const [said, number] of [["1", 1], ["01", 1], ["jan", 1], ["JAN", 1], ["January", 1], ["Sept", 9], ["sep.", 9], ["12", 12], ["dec", 12]]) {
    assert.equal(monthNumber(said), number, said);
  }
  for (const said of ["", "ja", "smarch", "1st", "-1"]) assert.equal(monthNumber(said), null, said);
});

test("a date of three fields is read", () => {
  assert.deepEqual(readDay({ day: " 27 ", month: "mar", year: "1985" }, BORN), { day: "1985-03-27" });
  assert.deepEqual(readDay({ day: "29", month: "2", year: "2024" }, BORN), { day: "2024-02-29" });
});

test("what is missing is named first", () => {
  assert.deepEqual(readDay({ day: "", month: "", year: "" }, BORN), { message: "Enter your date of birth", parts: ["day", "month", "year"] });
  assert.deepEqual(readDay({ day: "99", month: "", year: "1985" }, BORN), { message: "Date of birth must include a month", parts: ["month"] });
  assert.deepEqual(readDay({ day: "", month: "3", year: "" }, BORN), { message: "Date of birth must include a day and year", parts: ["day", "year"] });
});

test("what is impossible is named next", () => {
  for (const typed of [
    { day: "31", month: "2", year: "1985" },
    { day: "29", month: "2", year: "2023" },
    { day: "32", month: "1", year: "1985" },
    { day: "1", month: "13", year: "1985" },
    { day: "1", month: "smarch", year: "1985" },
    { day: "1.5", month: "1", year: "1985" },
    { day: "1", month: "1", year: "19855" },
  ]) {
    assert.equal(readDay(typed, BORN).message, "Date of birth must be a real date", JSON.stringify(typed));
  }
  assert.deepEqual(readDay({ day: "1", month: "1", year: "85" }, BORN).parts, ["year"]);
});

test("what is wrong in another way is named last", () => {
  assert.equal(readDay({ day: "25", month: "11", year: "2026" }, BORN).message, "Date of birth must be in the past");
  assert.equal(readDay({ day: "24", month: "11", year: "2026" }, BORN).message, "Date of birth must be in the past");
  assert.deepEqual(readDay({ day: "23", month: "11", year: "2026" }, BORN), { day: "2026-11-23" });
});

test("a date that may be left out may be left out whole, not in part", () => {
  assert.deepEqual(readDay({ day: "", month: "", year: "" }, { ...BORN, optional: true }), { day: null });
  assert.deepEqual(readDay({ day: "1", month: "", year: "" }, { ...BORN, optional: true }).parts, ["month", "year"]);
});

test("how long to wait is never said shorter than it is", () => {
  assert.equal(waitWords(5), "a minute");
  assert.equal(waitWords(61), "2 minutes");
  assert.equal(waitWords(1500), "25 minutes");
  assert.equal(waitWords(3600), "an hour");
  assert.equal(waitWords(3601), "2 hours");
  assert.equal(waitWords(86_400), "24 hours");
});

test("a baby may be born today", () => {
  assert.deepEqual(readDay({ day: "24", month: "11", year: "2026" }, { ...BORN, mayBeToday: true }), { day: "2026-11-24" });
  assert.equal(readDay({ day: "25", month: "11", year: "2026" }, { ...BORN, mayBeToday: true }).message, "Date of birth must be today or in the past");
});

test("an event of a day says no time", () => {
  assert.equal(eventWords("2026-11-02T00:00:00Z", NOW), "Monday 2 November");
  assert.equal(eventWords("2026-07-01T23:00:00Z", NOW), "Thursday 2 July");
  assert.equal(eventWords("2026-11-02T09:30:00Z", NOW), "9:30am on Monday 2 November");
});

test("a month is said with its year", () => {
  assert.equal(monthWords("2026-12-07"), "December 2026");
});
