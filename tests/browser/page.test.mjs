// The page as trunk has built it, as a visitor meets it.

import assert from "node:assert/strict";
import path from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { Site, launch, root } from "./harness.mjs";

// Below a path, where pages usually lie.
const home = "/some/where/";
const dist = process.env.THINKLING_PAGE ?? path.join(root, "web/dist");

let site, browser, context;

before(async () => {
  site = await new Site({ [home]: dist }).start();
  browser = await launch();
});

after(async () => {
  await browser.close();
  await site.stop();
});

beforeEach(async () => {
  await context?.close();
  site.fault = () => undefined;
  site.requests = [];
  context = await browser.newContext({ locale: "en-GB", viewport: { width: 1280, height: 900 } });
});

/** The page, with what it said to the console and asked of other hosts. */
async function visit(hash = "", from = context) {
  const page = await from.newPage();
  page.faults = [];
  page.on("pageerror", (error) => page.faults.push(error.message));
  page.on("console", (line) => line.type() === "error" && page.faults.push(line.text()));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith("http") && url.origin !== site.origin) page.faults.push(request.url());
  });
  await page.goto(`${site.origin}${home}${hash}`);
  return page;
}

const at = (page, id) => page.locator(`[data-testid="${id}"]:visible`).first();
const text = async (page, id) => (await at(page, id).innerText()).trim();

async function settings(page, values) {
  await at(page, "open-settings").click();
  for (const [id, value] of Object.entries(values)) {
    const control = page.locator(`#${id}`);
    const kind = await control.evaluate((element) => element.type);
    if (kind === "checkbox") await control.setChecked(value);
    else if (kind === "select-one") await control.selectOption(value);
    else await control.fill(String(value));
    await control.dispatchEvent("change");
  }
  await at(page, "settings-close").click();
}

async function ask(page, question) {
  // What is shown already is not what comes.
  await page.evaluate(() => {
    for (const shown of document.querySelectorAll("#result > *")) shown.dataset.before = "";
  });
  await page.locator("#question").fill(question);
  await at(page, "run").click();
  const answered = () => {
    const shown = [...document.querySelectorAll("#result > *")].find((e) => !("before" in e.dataset));
    const busy = document.querySelector("#result [aria-busy=true], #result[aria-busy=true]");
    return !busy && shown?.querySelector("[data-testid=verdict]")?.textContent.trim();
  };
  await page.waitForFunction(answered, undefined, { timeout: 120_000 });
}

test("a question is answered with the tokens of the client, and judged", async () => {
  const page = await visit();
  await settings(page, { temperature: 0, "device-choice": "cpu" });
  await ask(page, "What is 13+4-9?");
  const expected = await page.evaluate(async () => {
    const { load } = await import(new URL("thinkling-web/client.js", document.baseURI));
    const model = await load("models/trained/manifest.json", { device: "cpu" });
    const request = { prompt: "What is 13+4-9?", template: "r1-zero", temperature: 0 };
    const { completions } = await model.generate(request);
    const task = { kind: "number", gold: "8" };
    const judged = await model.judge({ question: request.prompt, task }, completions[0].text);
    model.dispose();
    return { ...completions[0], judged };
  });
  await page.locator("[data-testid=thinking]").first().evaluate((details) => (details.open = true));
  assert.equal(await text(page, "reasoning"), expected.reasoning.trim());
  assert.equal(await text(page, "answer"), expected.content.trim());
  const verdict = await at(page, "verdict").getAttribute("class");
  assert.ok(verdict.split(" ").includes(expected.judged.verdict), verdict);
  assert.match(await text(page, "reward-total"), new RegExp(`\\b${expected.judged.total}\\b`));
  assert.match(await text(page, "speed"), /\d/);
  assert.deepEqual(page.faults, []);
});

test("eight samples have rewards and advantages that sum to nothing", async () => {
  const page = await visit();
  await at(page, "draw").click();
  assert.ok(await page.locator("#gold").inputValue());
  await at(page, "sample").click();
  const group = page.locator("[data-testid=sample-group][aria-busy=false]");
  await group.waitFor({ timeout: 120_000 });
  assert.equal(await page.locator("[data-testid=completion]").count(), 8);
  const said = await page.locator("[data-testid=completion-advantage]").allInnerTexts();
  const advantages = said.map((text) => Number(text.replace("−", "-").replace(/[^\d.+-]/g, "")));
  assert.equal(advantages.length, 8);
  const sum = advantages.reduce((a, b) => a + b, 0);
  assert.ok(Math.abs(sum) < 0.1, `${advantages} sum to ${sum}`);
  assert.deepEqual(page.faults, []);
});

test("base and trained answer the same question", async () => {
  const page = await visit();
  await settings(page, { temperature: 0 });
  await ask(page, "What is 7+5?");
  await page.locator("#which-base, [data-testid=which-base]").first().click();
  await page.locator("[data-testid=versus-base]").waitFor({ timeout: 120_000 }).catch(() => {});
  if ((await page.locator("[data-testid=versus-base]").count()) === 0) await ask(page, "What is 7+5?");
  await page.locator("[data-testid=versus-base]").waitFor({ timeout: 60_000 });
  assert.ok(await page.locator("[data-testid=versus-trained]").count());
});

test("on a second visit models come from the cache, and can be deleted", async () => {
  let page = await visit();
  await ask(page, "What is 7+5?");
  await page.close();
  site.fault = (url) => (url.includes("/models/") ? { status: 503 } : undefined);
  page = await visit();
  await ask(page, "What is 7+5?");
  await at(page, "open-models").click();
  await page.locator("[data-testid=kept-model]").first().waitFor();
  await page.locator("[data-testid=kept-delete]").first().click();
  await page.waitForFunction(() => !document.querySelector("[data-testid=kept-model]"));
});

test("a file that is no model is refused in words", async () => {
  const page = await visit();
  await at(page, "open-models").click();
  const file = { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("hello") };
  await page.locator("#files").setInputFiles(file);
  const error = page.locator("#own-error:visible");
  await error.waitFor({ timeout: 30_000 });
  assert.ok((await error.innerText()).length > 10);
});

test("without WebGPU the page says so and works", async () => {
  const plain = await launch({ webgpu: false });
  try {
    const page = await visit("", await plain.newContext({ locale: "en-GB" }));
    await ask(page, "What is 7+5?");
    assert.match(await page.locator("#notice").innerText(), /WebGPU/);
    assert.match(await text(page, "device-name"), /CPU/);
  } finally {
    await plain.close();
  }
});

test("WebGPU computes the same answer as the CPU", async () => {
  const page = await visit();
  const answers = [];
  for (const device of ["cpu", "gpu"]) {
    await settings(page, { temperature: 0, "device-choice": device });
    await ask(page, "What is 12+7-4+9?");
    assert.match(await text(page, "device-name"), device === "cpu" ? /CPU/ : /^(?!CPU)/);
    await page.locator("[data-testid=thinking]").first().evaluate((details) => (details.open = true));
    answers.push([await text(page, "reasoning"), await text(page, "answer")]);
  }
  assert.deepEqual(answers[0], answers[1]);
});

test("two tabs of the page work at once", async () => {
  const pages = [await visit(), await visit()];
  await Promise.all(pages.map((page) => ask(page, "What is 7+5?")));
  for (const page of pages) assert.deepEqual(page.faults, []);
});

test("a base learns for ten steps, and begins again", async () => {
  const page = await visit("#learn");
  assert.ok(!site.requests.some(({ url }) => url.includes("thinkling-web-learn")), "not before it is asked for");
  await settings(page, { "device-choice": "cpu" });
  await page.locator("#learn-start").click();
  await page.waitForFunction(
    () => Number(/Step (\d+)/.exec(document.querySelector("#learn-state").textContent)?.[1]) >= 10,
    undefined,
    { timeout: 300_000 },
  );
  assert.ok((await page.locator("#charts polyline").count()) >= 4, "four lines grow");
  assert.ok((await page.locator("#group [data-testid=completion]").count()) >= 8);
  await page.locator("#learn-pause").click();
  await page.locator("#learn-reset").click();
  await page.waitForFunction(
    () => !/Step \d/.test(document.querySelector("#learn-state").textContent),
    undefined,
    { timeout: 60_000 },
  );
  assert.deepEqual(page.faults, []);
});

test("an address names a tab, also when it is changed", async () => {
  const page = await visit();
  assert.ok(await page.locator("#question").isVisible());
  await page.evaluate(() => (location.hash = "#learn"));
  await page.locator("#learn-start").waitFor({ timeout: 10_000 });
  assert.ok(!(await page.locator("#question").isVisible()));
});

test("it fits a phone, has two languages and is used by the keyboard", async () => {
  const phone = await browser.newContext({
    locale: "zh-CN",
    viewport: { width: 360, height: 740 },
    colorScheme: "dark",
  });
  const page = await visit("", phone);
  assert.equal(await page.locator("html").getAttribute("lang"), "zh-Hans");
  const wide = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok((await wide()) <= 0, "nothing lies beside a phone's screen");
  await page.locator("#language").click();
  assert.equal(await page.locator("html").getAttribute("lang"), "en");
  await page.locator("#question").fill("What is 7+5?");
  await page.keyboard.press("Enter");
  await page.locator("[data-testid=verdict]:visible").first().waitFor({ timeout: 120_000 });
  assert.ok((await wide()) <= 0);
  const unnamed = await page.evaluate(() => {
    const controls = [...document.querySelectorAll("button, input, select, textarea")];
    const named = (control) =>
      control.labels?.length || control.ariaLabel || control.textContent.trim() || control.title ||
      control.getAttribute("aria-labelledby");
    return controls.filter((control) => !named(control)).map((control) => control.outerHTML);
  });
  assert.deepEqual(unnamed, [], "every control has a name for screen readers");
  await phone.close();
});
