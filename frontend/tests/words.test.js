import assert from "node:assert/strict";
import { test } from "node:test";

import { phoneWords } from "../scripts/lib/words.js";

test("a number stands in the groups in which it is said", () => {
  const said = {
    "+447700900123": "07700 900123",
    "+442079460123": "020 7946 0123",
    "+441614960123": "0161 496 0123",
    "+441144960123": "0114 496 0123",
    "+441632960123": "01632 960123",
    "+443005550142": "0300 555 0142",
    "+443069990142": "03069 990142",
    "+33123456789": "+33123456789",
  };
  for (const [number, words] of Object.entries(said)) assert.equal(phoneWords(number), words);
});
