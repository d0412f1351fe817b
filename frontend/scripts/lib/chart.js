/** The balance month by month, as a drawing. The table beside it says the same, for whoever reads or hears numbers. */

import { monthWords } from "./dates.js";
import { balanceWords, money } from "./money.js";

const WIDE = 320;
const HIGH = 190;
const TOP = 24;
const BOTTOM = 24;
const SPACE = "http://www.w3.org/2000/svg";

function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/**
 * @param {{ends_on: string, balance_pence: number}[]} months the oldest first
 * @returns {SVGElement} a bar a month: up for what is owed, down for credit
 */
export function balanceChart(months) {
  const balances = months.map(({ balance_pence: pence }) => pence);
  const most = Math.max(0, ...balances);
  const least = Math.min(0, ...balances);
  const scale = (HIGH - TOP - BOTTOM) / (most - least || 1);
  const y = (pence) => TOP + (most - pence) * scale;
  const step = WIDE / months.length;
  const bars = months.map(({ balance_pence: pence }, index) =>
    draw("rect", {
      class: pence < 0 ? "app-chart__credit" : "app-chart__owed",
      x: (index * step + step * 0.15).toFixed(1),
      width: (step * 0.7).toFixed(1),
      y: Math.min(y(pence), y(0)).toFixed(1),
      height: Math.max(1, Math.abs(y(pence) - y(0))).toFixed(1),
    }),
  );
  const label = (text, attributes) => draw("text", { class: "app-chart__label", ...attributes }, text);
  const first = monthWords(months[0].ends_on);
  const last = monthWords(months.at(-1).ends_on);
  return draw(
    "svg",
    { class: "app-chart", viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": inWords(months, first, last) },
    label(`Most owed: ${money(most)}`, { x: 0, y: 12 }),
    ...(least < 0 ? [label(`Most in credit: ${money(-least)}`, { x: WIDE, y: 12, "text-anchor": "end" })] : []),
    ...bars,
    draw("line", { class: "app-chart__zero", x1: 0, x2: WIDE, y1: y(0).toFixed(1), y2: y(0).toFixed(1) }),
    label(first, { x: 0, y: HIGH - 6 }),
    label(last, { x: WIDE, y: HIGH - 6, "text-anchor": "end" }),
  );
}

function inWords(months, first, last) {
  const at = (index) => lowerFirst(balanceWords(months.at(index).balance_pence).replace(/^You owe/, "you owed").replace(/^You are/, "you were"));
  return `The balance at the end of each month, from ${first} to ${last}. At the end of ${first} ${at(0)}. Now: ${lowerFirst(balanceWords(months.at(-1).balance_pence))}. The table below has every month.`;
}

const lowerFirst = (text) => text.charAt(0).toLowerCase() + text.slice(1);
