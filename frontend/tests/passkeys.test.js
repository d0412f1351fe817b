import assert from "node:assert/strict";
import { test } from "node:test";

globalThis.document = { body: { dataset: {} }, title: "" };
const { base64url, bytes, deviceWords, passkeysWork } = await import("../scripts/lib/passkeys.js");

test("bytes go to base64url and back, whatever they are", () => {
  for (let length = 0; length < 70; length += 1) {
    const raw = Uint8Array.from({ length }, (_, index) => (index * 37 + length * 11) % 256);
    const text = base64url(raw.buffer);
    assert.match(text, /^[A-Za-z0-9_-]*$/);
    assert.deepEqual(bytes(text), raw);
  }
  assert.equal(base64url(Uint8Array.of(0xfb, 0xff, 0xfe).buffer), "-__-");
  assert.equal(base64url(null), "", "a device may leave the handle out");
});

test("a device that gives nothing says what to do, in no browser's words", () => {
  for (const name of ["NotAllowedError", "InvalidStateError", "NotSupportedError", "ConstraintError", "UnknownError"]) {
    assert.match(deviceWords(name), /try again|use /i);
    assert.doesNotMatch(deviceWords(name), /error|invalid|credential/i);
  }
});

test("where there is no WebAuthn there are no passkeys", () => {
  assert.equal(passkeysWork(), false);
});
