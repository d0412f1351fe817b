import { call, Problem } from "../lib/api.js";
import { momentWords } from "../lib/dates.js";
import { all, brand, fill, h, one, show } from "../lib/dom.js";
import { Checks, conditionals, onSubmit, showErrors, text } from "../lib/forms.js";
import { remember, remembered } from "../lib/keep.js";
import { memberPage } from "../lib/page.js";
import { factRow, link } from "../lib/show.js";
import { doneWith, views } from "../lib/views.js";
import { contactByWords, phoneWords } from "../lib/words.js";

let details = {};
let etag = null;
let customerId = null;
const updateAddress = conditionals(one("#correspondence_address"));

memberPage(async (session) => {
  customerId = session.customer.customer_id;
  await load();
  views({ list: drawList, "email-code": tellTheEnd, mobile: fillPhones, home_phone: fillPhones, correspondence_address: fillAddress, preferences: fillPreferences });
});

addEventListener("answers-restored", updateAddress);

async function load() {
  const answer = await call("GET", "/contact");
  details = answer.body;
  ({ etag } = answer);
}

const lines = (values) => values.filter(Boolean).flatMap((value, index) => (index ? [h("br"), value] : [value]));

function drawList() {
  const address = details.correspondence_address;
  const preferences = details.preferences ?? {};
  const ways = [
    preferences.contact_by && `${contactByWords(preferences.contact_by)} is best`,
    preferences.language && `Language: ${preferences.language}`,
    preferences.large_print && "Letters in large print",
  ];
  fill(
    "#facts",
    factRow("Email", details.email, { href: "#email", what: "email" }),
    factRow("Mobile", details.mobile ? phoneWords(details.mobile) : "None", { href: "#mobile", what: "mobile" }),
    factRow("Home phone", details.home_phone ? phoneWords(details.home_phone) : "None", { href: "#home_phone", what: "home phone" }),
    factRow("Letters go to", address ? lines([address.line_1, address.line_2, address.town, address.postcode]) : "Your home", {
      href: "#correspondence_address",
      what: "where letters go",
    }),
    factRow("How we reach you", ways.some(Boolean) ? lines(ways) : "No choice made yet", { href: "#preferences", what: "how we reach you" }),
  );
}

function fillPhones() {
  one("#mobile-mobile").value = details.mobile ? phoneWords(details.mobile) : "";
  one("#home_phone-home_phone").value = details.home_phone ? phoneWords(details.home_phone) : "";
}

function fillAddress() {
  const address = details.correspondence_address;
  const form = one("#correspondence_address");
  for (const radio of all("[name=where]", form)) radio.checked = radio.value === (address ? "other" : "home");
  for (const part of ["line_1", "line_2", "town", "postcode"]) form.elements[`correspondence_address.${part}`].value = address?.[part] ?? "";
  updateAddress();
}

function fillPreferences() {
  const preferences = details.preferences ?? {};
  const form = one("#preferences");
  for (const radio of all('[name="preferences.contact_by"]', form)) radio.checked = radio.value === preferences.contact_by;
  form.elements["preferences.language"].value = preferences.language ?? "";
  form.elements["preferences.large_print"].checked = Boolean(preferences.large_print);
}

async function save(change, words) {
  show("#newer", false);
  show("#done", false);
  try {
    const answer = await call("PATCH", "/contact", { body: change, headers: etag ? { "if-match": etag } : {} });
    details = answer.body;
    ({ etag } = answer);
  } catch (problem) {
    if (!(problem instanceof Problem) || problem.status !== 412) throw problem;
    await load();
    location.hash = "list";
    show("#newer");
    return;
  }
  doneWith(words);
}

/** Until when the code works, where this tab asked for it; the link in the email opens the view as well. */
function tellTheEnd() {
  const asked = remembered("new-email");
  // Of somebody who sat here before nothing is told.
  if (asked?.customerId !== customerId) return;
  one("#email-sent").replaceChildren("If ", h("strong", {}, asked.email), " can be used here, a code is on its way to it. It can take a few minutes to arrive.");
  const over = Date.parse(asked.code_expires_at) <= Date.now();
  one("#email-stops").textContent = over
    ? `That code stopped working at ${momentWords(asked.code_expires_at)}.`
    : `The code stops working at ${momentWords(asked.code_expires_at)}.`;
}

onSubmit("#email", async (form) => {
  const checks = new Checks();
  const email = checks.needed(form, "email", "Enter your new email address");
  const current = checks.secret(form, "current_password", "Enter your password");
  checks.done();
  const { body } = await call("POST", "/email", { body: { email, current_password: current } });
  form.elements.current_password.value = "";
  remember("new-email", { customerId, email, ...body });
  location.hash = "email-code";
});

onSubmit(
  "#email-code",
  async (form) => {
    const checks = new Checks();
    const code = checks.needed(form, "code", "Enter the code from the email");
    checks.done();
    await call("POST", "/email/confirm", { body: { code } });
    remember("new-email", null);
    form.reset();
    one("#email").reset();
    await load();
    doneWith(`From now on, log in with ${details.email}. Everywhere else you have been logged off.`);
  },
  {
    refused(problem, form) {
      const words = {
        "code-not-accepted": "That is not the code in our newest email, or it has stopped working. Check it, or send it again",
        "email-in-use": ["Somebody else uses that email address here by now. Each person needs one of their own. ", link("#email", "Use another address"), ` or ring us on ${brand.phone}.`],
        "tries-spent": ["That code has been tried too often. ", link("#email", "Ask for it to another address"), ` or ring us on ${brand.phone}.`],
      }[problem.slug];
      if (!words) return false;
      showErrors(form, [{ field: problem.slug === "code-not-accepted" ? "code" : null, message: words }]);
      return true;
    },
  },
);

onSubmit("#mobile", async (form) => {
  const checks = new Checks();
  const mobile = checks.needed(form, "mobile", "Enter your mobile number");
  checks.done();
  await save({ mobile }, "We have saved your mobile number.");
});

onSubmit("#home_phone", async (form) => {
  const phone = text(form, "home_phone");
  await save({ home_phone: phone || null }, phone ? "We have saved your home phone number." : "We have taken away your home phone number.");
});

onSubmit("#correspondence_address", async (form) => {
  const checks = new Checks();
  const where = checks.picked(form, "where", "Choose where letters should go");
  if (where !== "other") {
    checks.done();
    await save({ correspondence_address: null }, "We will send your letters to your home.");
    return;
  }
  const address = {
    line_1: checks.needed(form, "correspondence_address.line_1", "Enter the first line of the address"),
    line_2: text(form, "correspondence_address.line_2"),
    town: checks.needed(form, "correspondence_address.town", "Enter the town or city"),
    postcode: checks.needed(form, "correspondence_address.postcode", "Enter the postcode"),
  };
  checks.done();
  if (!address.line_2) delete address.line_2;
  await save({ correspondence_address: address }, "We have saved where your letters go.");
});

onSubmit("#preferences", async (form) => {
  const checks = new Checks();
  const way = checks.picked(form, "preferences.contact_by", "Choose the best way to reach you");
  checks.done();
  const language = text(form, "preferences.language");
  await save(
    { preferences: { contact_by: way, ...(language ? { language } : {}), large_print: form.elements["preferences.large_print"].checked } },
    "We have saved how you like to hear from us.",
  );
});
