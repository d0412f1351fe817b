import assert from "node:assert/strict";
import { test } from "node:test";

import { dayOptions, takenWords } from "../scripts/lib/regular.js";

test("when a regular payment is taken is said as people say it", () => {
  const said = { friday: "every Friday", 1: "on the 1st of every month", 12: "on the 12th of every month", 23: "on the 23rd of every month", last: "on the last day of every month" };
  for (const [day, words] of Object.entries(said)) assert.equal(takenWords({ frequency: day === "friday" ? "weekly" : "monthly", day }), words);
  assert.equal(dayOptions("weekly").length, 7);
  assert.deepEqual(dayOptions("monthly").at(-1), ["last", "Last day of the month"]);
});
