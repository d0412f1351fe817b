import assert from "node:assert/strict";
import { test } from "node:test";

import { balanceAfter, balanceWords, money, readPounds, signedMoney } from "../scripts/lib/money.js";

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
  for (const [typed, pence] of [["12", 1200], ["12.5", 1250], ["12.50", 1250], ["£1,234.50", 123450], [" 62.50 ", 6250], ["0.29", 29], ["1.13", 113], ["4.35", 435], ["12.", 1200]]) {
    assert.equal(readPounds(typed), pence, typed);
  }
  for (const typed of ["", "twelve", "12.345", "-5", "1e3", "12.5.0", ".5", "1234567890"]) assert.equal(readPounds(typed), null, typed);
});

test("every amount of pence comes back as it was shown", () => {
  for (let pence = 0; pence < 20_000; pence += 1) assert.equal(readPounds(money(pence)), pence);
});
