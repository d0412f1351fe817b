import assert from "node:assert/strict";
import { test } from "node:test";

import { balanceAfter, balanceWords, money, readPounds, signedMoney, timeToClear } from "../scripts/lib/money.js";

test("pence are shown as pounds with two figures and commas", () => {
  for (const [pence, shown] of [[0, "£0.00"], [5, "£0.05"], [123450, "£1,234.50"], [100000000, "£1,000,000.00"], [-5000, "−£50.00"]]) {
    assert.equal(money(pence), shown);
  }
});

test("a balance is said in words first", () => {
  assert.equal(balanceWords(12345), "You owe £123.45");
  assert.equal(balanceWords(-2000), "You are £20.00 in credit");
  assert.equal(balanceWords(0), "You owe nothing");
});

test("a line says which way it goes, and a balance after it whose it is", () => {
  assert.equal(signedMoney(10420), "+£104.20");
  assert.equal(signedMoney(-5000), "−£50.00");
  assert.equal(signedMoney(0), "£0.00");
  assert.equal(balanceAfter(5420), "£54.20");
  assert.equal(balanceAfter(-2000), "£20.00 in credit");
});

test("pounds are read as people type them, and never through a fraction", () => {
  for (const [typed, pence] of [["12", 1200], ["12.5", 1250], ["12.50", 1250], ["£1,234.50", 123450], [" 62.50 ", 6250], ["0.29", 29], ["1.13", 113], ["4.35", 435], ["12.", 1200], ["1234.5", 123450], ["£ 1 234.50", 123450], ["1,234,567.89", 123456789]]) {
    assert.equal(readPounds(typed), pence, typed);
  }
  for (const typed of ["", "twelve", "12.345", "-5", "1e3", "12.5.0", ".5", "1234567890", "12,50", "1,5", "1,23.00", ",500", "1,0000", "12£", "££5"]) assert.equal(readPounds(typed), null, typed);
});

test("every amount of pence comes back as it was shown", () => {
  for (let pence = 0; pence < 20_000; pence += 1) assert.equal(readPounds(money(pence)), pence);
});

test("how long it takes to clear what is owed is said in the unit in which it is paid, rounded up", () => {
  for (const [owed, each, frequency, words] of [
    [12345, 2000, "weekly", "7 weeks"],
    [12345, 2000, "fortnightly", "14 weeks"],
    [12345, 2000, "four_weekly", "28 weeks"],
    [12345, 2000, "monthly", "7 months"],
    [2000, 2000, "weekly", "1 week"],
    [2000, 2000, "monthly", "1 month"],
    [2001, 2000, "weekly", "2 weeks"],
    [52_00, 100, "weekly", "52 weeks, which is a year"],
    [53_00, 100, "weekly", "53 weeks, which is more than a year"],
    [800_00, 100, "weekly", "800 weeks, which is more than 15 years"],
    [24_00, 100, "monthly", "24 months, which is 2 years"],
  ]) {
    assert.equal(timeToClear(owed, each, frequency), words);
  }
});
