/** The one way to the API: JSON both ways, every failure a `Problem` with words for a tenant. */

import { waitWords } from "./dates.js";
import { brand } from "./dom.js";
import { keepPage } from "./keep.js";

const PATIENCE = 30_000;

/**
 * An answer that is not success. `slug` is the last part of the problem's type; `errors` name fields; `words` are the
 * whole of it for a tenant: what happened, what it means, what to do next.
 */
export class Problem extends Error {
  constructor({ status = 0, slug = "", title = "", detail = "", words = detail, errors = [], retryAfter = null, body = {} }) {
    super(words || title);
    Object.assign(this, { status, slug, title, detail, words, errors, retryAfter, body });
  }
}

const never = () => new Promise(() => {});

/** Send somebody to log in, to come back to this page with what they typed. */
export function leaveToLogIn(why = "needed", minutes = null) {
  keepPage(why, minutes);
  location.assign("/login/");
  return never();
}

let clockListener = () => {};

/** Be told of every answer of the API, with the server's own time, to reckon the idle end by. */
export function onAnswer(listener) {
  clockListener = listener;
}

/**
 * Call the API.
 *
 * @param {string} method
 * @param {string} path under `/api`
 * @param {{body?: object, headers?: object, guest?: boolean, file?: boolean}} options `guest` calls are made before logging in: a 401
 *   is then an answer like any other, not the end of a session; with `file` the body is a Blob
 * @returns {Promise<{status: number, body: any, etag: string|null, date: Date}>}
 * @throws {Problem}
 */
export async function call(method, path, { body, headers = {}, guest = false, file = false } = {}) {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), PATIENCE);
  let response;
  let answer = {};
  try {
    response = await fetch(`/api${path}`, {
      method,
      headers: { accept: file ? "*/*" : "application/json, application/problem+json", ...(body ? { "content-type": "application/json" } : {}), ...headers },
      body: body ? JSON.stringify(body) : undefined,
      credentials: "same-origin",
      cache: "no-store",
      signal: patience.signal,
    });
    if (file && response.ok) answer = await response.blob();
    else {
      const text = await response.text();
      if (text) answer = readJson(text);
    }
  } catch {
    throw new Problem({
      slug: "offline",
      title: "We could not reach you",
      detail: navigator.onLine === false
        ? "You are offline. What you typed is still here. Try again when you have a signal."
        : "We could not get through. Check your connection, then try again.",
    });
  } finally {
    clearTimeout(timer);
  }
  const date = new Date(response.headers.get("date") ?? Date.now());
  if (response.ok) {
    if (!guest) clockListener(date);
    return { status: response.status, body: answer, etag: response.headers.get("etag"), date };
  }
  const problem = readProblem(response, answer);
  if (problem.status === 401 && !guest) return leaveToLogIn();
  if (problem.slug === "password-change-required") {
    location.assign("/new-password/");
    return never();
  }
  if (problem.slug === "closed") {
    location.assign("/closed.html");
    return never();
  }
  throw problem;
}

function readJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

function readProblem(response, answer) {
  const slug = String(answer.type ?? "").split("/").pop();
  const retryAfter = readRetryAfter(response.headers.get("retry-after"));
  return new Problem({
    status: response.status,
    slug,
    title: answer.title,
    detail: answer.detail,
    words: problemWords(response.status, answer, retryAfter),
    errors: Array.isArray(answer.errors) ? answer.errors : [],
    retryAfter,
    body: answer,
  });
}

function problemWords(status, { title, detail }, retryAfter) {
  if (status === 429) return `There have been too many tries. Wait ${waitWords(retryAfter ?? 60)}, then try again. Or ring us on ${brand.phone}.`;
  const goesOn = `If it goes on, ring us on ${brand.phone}.`;
  if (!detail) return `Something went wrong on our side. Check whether it was done before you try again. ${goesOn}`;
  const said = title ? `${title}. ${detail}` : detail;
  // The API's words name no number: it is the landlord's own.
  const withNumber = said.replace(/\bring us\b(?! on)/i, `$& on ${brand.phone}`);
  return status >= 500 && withNumber === said ? `${said} ${goesOn}` : withNumber;
}

function readRetryAfter(header) {
  if (!header) return null;
  if (/^\d+$/.test(header)) return Number(header);
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, Math.ceil((at - Date.now()) / 1000));
}

/** Do what a button is for while it cannot be pressed again; a problem is told by `tell(problem)`. */
export async function press({ currentTarget: button }, act, tell) {
  button.disabled = true;
  try {
    await act();
  } catch (failure) {
    if (!(failure instanceof Problem)) throw failure;
    tell(failure);
  } finally {
    button.disabled = false;
  }
}

/** Save a file of the API on the device; a problem is thrown before anything is saved. */
export async function saveFile(path, name) {
  const { body } = await call("GET", path, { file: true });
  const address = URL.createObjectURL(body);
  Object.assign(document.createElement("a"), { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
