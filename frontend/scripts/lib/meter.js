/**
 * How hard a new password is to guess, told in words while it is typed. It only helps: it holds nobody up, asks nobody
 * and keeps nothing; whether the password is taken is for the API to say.
 */

import { one } from "./dom.js";

const LEAST = 12;
const LONG = 18;
const WORDS = [
  "",
  `Too short: it needs at least ${LEAST} characters.`,
  "Long enough, but easy to guess. Use words that have nothing to do with each other.",
  "Good. One more word makes it stronger.",
  "Strong.",
];

/**
 * How strong a password looks: 0 nothing typed, 1 too short, 2 easy to guess, 3 good, 4 strong.
 *
 * @param {string} typed
 */
export function strength(typed) {
  const characters = [...typed.normalize("NFKC").toLowerCase()];
  if (!characters.length) return 0;
  if (characters.length < LEAST) return 1;
  const different = new Set(characters).size;
  // aaaa, abcd, 4321: each character follows from the one before.
  const steps = characters.slice(1).map((character, index) => character.codePointAt(0) - characters[index].codePointAt(0));
  const guessable = steps.filter((step) => Math.abs(step) <= 1).length;
  if (different < 7 || guessable > characters.length / 3 || /^(.{1,8})\1+/u.test(characters.join(""))) return 2;
  return characters.length < LONG ? 3 : 4;
}

/** Tell beside a password's field how strong it looks, once whoever types stops for a moment. */
export function meter(selector) {
  const input = one(selector);
  const shown = one(`${selector}-meter`);
  const words = one(`${selector}-strength`);
  let timer;
  const tell = () => {
    const level = strength(input.value);
    shown.value = level;
    shown.hidden = !level;
    if (words.textContent !== WORDS[level]) words.textContent = WORDS[level];
  };
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(tell, 300);
  };
  input.addEventListener("input", soon);
  input.form.addEventListener("reset", soon);
}
