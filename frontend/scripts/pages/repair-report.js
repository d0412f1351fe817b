import { call, Problem } from "../lib/api.js";
import { deadlineWords, today } from "../lib/dates.js";
import { all, fill, h, moveTo, one, setTitle, show } from "../lib/dom.js";
import { Checks, clearErrors, onSubmit, showErrors, text } from "../lib/forms.js";
import { remember, remembered } from "../lib/keep.js";
import { memberPage, tenancyOf } from "../lib/page.js";
import { dangerNotice, factRow, p, radioItems } from "../lib/show.js";
import { dutyWords, priorityWords } from "../lib/words.js";

/** What has been told so far; kept with the tab, so that an old phone that drops the page loses nothing. */
let draft = {};
let items = [];
let customerId = "";
let ended = false;
let first = true;

memberPage(async (session) => {
  customerId = session.customer.customer_id;
  const tenancy = tenancyOf(session);
  ended = Boolean(tenancy?.end_date && tenancy.end_date < today());
  const { body } = await call("GET", "/repairs/catalogue");
  ({ items } = body);
  const kept = remembered("report");
  draft = kept?.customerId === customerId ? kept.draft : {};
  if (draft.item_id && !chosen()) draft = {};
  turn();
});

addEventListener("hashchange", turn);

function keep(more) {
  Object.assign(draft, more);
  remember("report", { customerId, draft });
}

const unique = (values) => [...new Set(values)];
const chosen = () => items.find(({ item_id: id }) => id === draft.item_id) ?? null;
const places = () => unique(items.map(({ place }) => place));
const objects = () => unique(items.filter(({ place }) => place === draft.place).map(({ object }) => object));
const problems = () => items.filter(({ place, object }) => place === draft.place && object === draft.object);
const needsWord = (item) => Boolean(item.advice || item.danger || item.responsibility === "tenant");

const answerOf = (question) => question.answers.find(({ answer_id: id }) => id === draft.answers?.[question.question_id]) ?? null;
const questionOf = (id) => chosen().questions.find((question) => question.question_id === id);

/** The steps in their order for what has been told so far. */
function steps() {
  if (ended) return ["ended"];
  const item = chosen();
  const questions = (item?.questions ?? []).flatMap((question) => {
    const danger = answerOf(question)?.danger;
    return [`question:${question.question_id}`, ...(danger ? [`advice:${question.question_id}`] : [])];
  });
  // Where only one thing can be wrong with an object, picking the object has said it.
  const which = draft.object && problems().length === 1 ? [] : ["which"];
  return ["danger", "where", "what", ...which, ...(item && needsWord(item) ? ["advice"] : []), ...questions, "details", "access", "check"];
}

/** Whether a step has been answered, so that the ones after it may be seen. */
function answered(step) {
  if (step === "where") return places().includes(draft.place);
  if (step === "what") return objects().includes(draft.object);
  if (step === "which") return Boolean(chosen());
  if (step.startsWith("question:")) return Boolean(draft.answers?.[step.slice(9)]);
  return true;
}

function turn() {
  if (!items.length && !ended) return;
  const order = steps();
  const asked = decodeURIComponent(location.hash.slice(1));
  if (asked === "sent" && draft.sent) return draw("sent");
  if (asked === "found" && draft.found) return draw("found");
  const open = order.findIndex((step) => !answered(step));
  const reachable = open < 0 ? order : order.slice(0, open + 1);
  const step = reachable.includes(asked) ? asked : asked && reachable.length ? reachable.at(-1) : order[0];
  return draw(step);
}

/** The step after this one, once it has been answered. */
function next(step) {
  const order = steps();
  return `#${order[order.indexOf(step) + 1]}`;
}

function draw(step) {
  clearErrors();
  const [name, questionId] = step.split(":");
  for (const section of all("[data-step]")) show(section, section.dataset.step === name);
  const order = steps();
  const place = order.indexOf(step);
  const before = name === "found" ? "where" : order[place - 1];
  one("#back").href = before ? `#${before}` : "/repairs/";
  show("#back", name !== "sent");
  DRAW[name]?.(questionId);
  const heading = one(`[data-step="${name}"] h1`) ?? one(`[data-step="${name}"] label`);
  setTitle("", name === "danger" ? "" : heading.textContent.trim());
  if (!first) {
    moveTo(heading);
    scrollTo(0, 0);
  }
  first = false;
}

function choices(list, values, href, keepThem) {
  fill(
    list,
    values.map(({ value, words, note }) =>
      h("li", {}, h("a", { class: "govuk-link", href: "#", onclick: (event) => { event.preventDefault(); keepThem(value); location.hash = href(); } }, words), note && h("span", {}, note)),
    ),
  );
}

const soFar = (...words) => words.filter(Boolean).join(", ");

const DRAW = {
  where: () => {
    one("#search-words").value = draft.found?.words ?? "";
    choices("#where-list", places().map((value) => ({ value, words: value })), () => "what", (place) => {
      if (place !== draft.place) keep({ place, object: null, item_id: null, answers: {} });
    });
  },
  found: drawFound,
  what: () => {
    one("#what-so-far").textContent = soFar(draft.place);
    const listed = objects().map((object) => {
      const found = items.filter((item) => item.place === draft.place && item.object === object);
      return { value: object, words: object, note: found.length === 1 ? found[0].problem : null, only: found.length === 1 ? found[0].item_id : null };
    });
    choices("#what-list", listed, () => next("what").slice(1), (object) => {
      const { only } = listed.find(({ value }) => value === object);
      if (object !== draft.object || (only && only !== draft.item_id)) keep({ object, item_id: only, answers: {} });
    });
  },
  which: () => {
    one("#which-so-far").textContent = soFar(draft.place, draft.object);
    choices("#which-list", problems().map((item) => ({ value: item.item_id, words: item.problem })), () => next("which").slice(1), (id) => {
      if (id !== draft.item_id) keep({ item_id: id, answers: {} });
    });
  },
  advice: (id) => (id ? drawAdvice({ danger: answerOf(questionOf(id)).danger }, `advice:${id}`) : drawAdvice(chosen(), "advice")),
  question: (id) => {
    const question = questionOf(id);
    const form = one("#question");
    form.dataset.question = id;
    one("#question-text").textContent = question.text;
    fill("#question-answers", radioItems("question-answer", "answer", question.answers.map((answer) => ({ value: answer.answer_id, text: answer.text })), draft.answers?.[id]));
  },
  details: () => { one("#details-description").value = draft.description ?? ""; },
  access: () => { one("#access-access_notes").value = draft.access_notes ?? ""; },
  check: drawCheck,
  sent: drawSent,
};

function drawFound() {
  const { words, ids } = draft.found;
  const found = ids.map((id) => items.find((item) => item.item_id === id)).filter(Boolean);
  one("#found-words").textContent = `You typed: ${words}`;
  one("#found-none").textContent = found.length ? "None of these? Use other words, or go step by step." : "We found nothing by those words. Try other ones, or go step by step.";
  choices(
    "#found-list",
    found.map((item) => ({ value: item.item_id, words: `${item.object}: ${item.problem}`, note: item.place })),
    () => next(steps().includes("which") ? "which" : "what").slice(1),
    (id) => {
      const { place, object } = items.find((item) => item.item_id === id);
      if (id !== draft.item_id) keep({ place, object, item_id: id, answers: {} });
    },
  );
}

onSubmit("#search", async (form) => {
  const checks = new Checks();
  const words = checks.needed(form, "words", "Type what is wrong in a few words");
  checks.done();
  const { body } = await call("GET", `/repairs/catalogue?search=${encodeURIComponent(words)}`);
  keep({ found: { words, ids: body.items.map(({ item_id: id }) => id) } });
  location.hash = "found";
});

function drawAdvice({ danger, advice, responsibility }, step) {
  one("#advice-title").textContent = danger ? "Ring now" : "Before you report it";
  fill(
    "#advice",
    danger && dangerNotice(danger),
    advice && advice.split(/\n+/).map((words) => p(words)),
    responsibility === "tenant" && p("This is usually yours to mend under your tenancy agreement. If you cannot, report it and we will talk about it."),
  );
  const button = one("#advice-next");
  const carryOn = responsibility === "tenant" ? "Report it all the same" : "Carry on";
  button.textContent = danger ? "I have rung. Report it as well" : carryOn;
  button.href = next(step);
}

onSubmit("#question", async (form) => {
  const { question: id } = form.dataset;
  const checks = new Checks();
  const answer = checks.picked(form, "answer", "Choose an answer");
  if (!answer) checks.errors = [{ field: "answers", message: "Choose an answer" }];
  checks.done();
  keep({ answers: { ...draft.answers, [id]: answer } });
  location.hash = next(`question:${id}`).slice(1);
});

onSubmit("#details", async (form) => {
  keep({ description: text(form, "description") });
  location.hash = "access";
});

onSubmit("#access", async (form) => {
  keep({ access_notes: text(form, "access_notes") });
  location.hash = "check";
});

function drawCheck() {
  const item = chosen();
  show("#already", false);
  fill(
    "#answers",
    factRow("Where", item.place, { href: "#where", what: "where" }),
    factRow("What", item.object, { href: "#what", what: "what" }),
    factRow("What is wrong", item.problem, steps().includes("which") ? { href: "#which", what: "what is wrong" } : null),
    item.questions.map((question) =>
      factRow(question.text, answerOf(question)?.text ?? "", { href: `#question:${question.question_id}`, what: "this answer" }),
    ),
    factRow("Details", draft.description || "Nothing more", { href: "#details", what: "details" }),
    factRow("Getting in", draft.access_notes || "Nothing more", { href: "#access", what: "how we get in" }),
  );
}

async function send(anyway) {
  const { body } = await call("POST", "/repairs", {
    body: {
      item_id: draft.item_id,
      ...(Object.keys(draft.answers ?? {}).length ? { answers: draft.answers } : {}),
      ...(draft.description ? { description: draft.description } : {}),
      ...(draft.access_notes ? { access_notes: draft.access_notes } : {}),
      ...(anyway ? { anyway: true } : {}),
    },
  });
  draft = { sent: body };
  remember("report", null);
  history.replaceState(null, "", "#sent");
  draw("sent");
}

onSubmit("#check", () => send(false), {
  refused(problem, form) {
    if (problem.slug === "already-reported") {
      drawAlready(problem.body.repair_id);
      return true;
    }
    const step = { description: "details", access_notes: "access" }[problem.errors[0]?.field];
    if (step) {
      location.hash = step;
      addEventListener("hashchange", () => showErrors(one(`#${step}`), problem.errors), { once: true });
      return true;
    }
    if (problem.errors.length) showErrors(form, problem.errors.map(({ message }) => ({ field: null, message })));
    return problem.errors.length > 0;
  },
});

function drawAlready(repairId) {
  fill(
    "#already",
    h("h2", { class: "govuk-heading-m" }, "You have told us about this already"),
    p("It is open, and we are dealing with it. If it has got worse or this is another one, report it all the same."),
    h(
      "div",
      { class: "app-buttons" },
      h("a", { class: "govuk-button", href: `/repairs/repair/#${repairId}` }, "See that repair"),
      h("button", { type: "button", class: "govuk-button govuk-button--secondary", id: "anyway", onclick: reportAnyway }, "Report it anyway"),
    ),
  );
  show("#already");
  moveTo(one("#already"));
  one("#already").scrollIntoView({ block: "center" });
}

async function reportAnyway(event) {
  const button = event.currentTarget;
  button.disabled = true;
  try {
    await send(true);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    button.disabled = false;
    showErrors(one("#check"), [{ field: null, message: problem.words }]);
  }
}

function drawSent() {
  const { sent } = draft;
  one("#sent-reference").textContent = sent.reference;
  one("#sent-priority").textContent = `${priorityWords(sent.priority)}.${sent.due_at ? " We aim to finish it" : ""}`;
  one("#sent-when").textContent = sent.due_at ? deadlineWords(sent.due_at) : "";
  const duties = (sent.duties ?? []).filter((duty) => duty.due_at);
  fill("#sent-duties", sent.danger ? dangerNotice(sent.danger) : null, duties.length ? h("div", {}, h("h2", { class: "govuk-heading-m" }, "What the law asks of us, and by when"), h("dl", { class: "govuk-summary-list" }, duties.map((duty) => factRow(dutyWords(duty.duty), deadlineWords(duty.due_at).replace(/^b/, "B"))))) : null);
  one("#sent-next").textContent = sent.next_step;
  show("#sent-visit", sent.priority !== "emergency");
  one("#sent-visit").href = `/repairs/visit/#${sent.repair_id}`;
  one("#sent-follow").href = `/repairs/repair/#${sent.repair_id}`;
  const advice = items.find(({ item_id: id }) => id === sent.item_id)?.photo ?? "";
  show("#photo-advice", Boolean(advice));
  one("#photo-advice").textContent = advice;
  // The report is in, whatever becomes of the photos: they can be added on the repair's page too.
  // It comes only now: whoever reports on prepaid data does not wait for it before.
  import("../lib/photos.js").then(({ showPhotos }) => showPhotos(sent.repair_id, true), () => {});
}

