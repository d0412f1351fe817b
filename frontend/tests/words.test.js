import assert from "node:assert/strict";
import { test } from "node:test";

import { fileFault, fileType, phoneWords } from "../scripts/lib/words.js";

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

test("a picture is known by its type, or by its name where the browser knows none", () => {
  assert.equal(fileType({ name: "IMG_1.HEIC", type: "" }), "image/heic");
  assert.equal(fileType({ name: "a.jpeg", type: "" }), "image/jpeg");
  assert.equal(fileType({ name: "a.txt", type: "image/webp" }), "image/webp");
  for (const [name, type] of [["a.jpg", "image/svg+xml"], ["setup.exe", ""], ["jpg", "application/pdf"], ["a", ""]]) assert.equal(fileType({ name, type }), null);
});

test("what cannot be sent says so before it is sent", () => {
  const picture = { name: "a.jpg", type: "image/jpeg" };
  assert.equal(fileFault({ ...picture, size: 10 * 1024 * 1024 }), "");
  assert.match(fileFault({ ...picture, size: 10 * 1024 * 1024 + 1 }), /larger than 10 MB/);
  assert.match(fileFault({ ...picture, size: 0 }), /nothing in it/);
  assert.match(fileFault({ name: "a.pdf", type: "application/pdf", size: 5 }), /not a photo/);
});
