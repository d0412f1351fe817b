import assert from "node:assert/strict";
import test from "node:test";

globalThis.document = { body: { dataset: {} }, title: " – " };
const { strength } = await import("../scripts/lib/meter.js");

test("what is too short is too short, however odd", () => {
  for (const typed of ["a", "elevenchars", "#9k!Zz_4", "🐴🐎🐄🐖🐴🐎🐄🐖🐴🐎🐄"]) assert.equal(strength(typed), 1, typed);
  assert.equal(strength(""), 0);
});

test("what follows from itself is easy to guess, however long", () => {
  for (const typed of ["aaaaaaaaaaaa", "abcdefghijklmnopqr", "123456789012345678", "passwordpassword", "abababababab", "qwertyqwertyqwerty"]) {
    assert.equal(strength(typed), 2, typed);
  }
});

test("three random words are strong, two are good", () => {
  for (const typed of ["copper lantern meadow", "violet harbour sandwich", "пароль из трёх слов"]) assert.equal(strength(typed), 4, typed);
  assert.equal(strength("copperlantern"), 3);
});

test("letters that look alike in another width count alike", () => {
  assert.equal(strength("ｃｏｐｐｅｒ lantern meadow"), strength("copper lantern meadow"));
});
