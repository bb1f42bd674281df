// The page as trunk has built it, as a visitor meets it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { dist, stage, withoutWebGpu } from "./harness.mjs";

// Below a path, where pages usually lie.
const home = "/some/where/";
const english = { locale: "en-GB", viewport: { width: 1280, height: 900 } };
const phone = { locale: "zh-CN", viewport: { width: 360, height: 740 }, colorScheme: "dark" };

const shared = stage({ [home]: dist }, english);

/** The page, with what it said to the console and asked of other hosts. */
async function visit(hash = "", from = shared.context) {
  const page = await from.newPage();
  page.faults = [];
  page.on("pageerror", (error) => page.faults.push(error.message));
  page.on("console", (line) => line.type() === "error" && page.faults.push(line.text()));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith("http") && url.origin !== shared.site.origin) page.faults.push(request.url());
  });
  await page.goto(`${shared.site.origin}${home}${hash}`);
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
    const model = await load("models/distilled/manifest.json", { device: "cpu" });
    const request = { prompt: "What is 13+4-9?", template: "r1-zero", temperature: 0 };
    const { completions } = await model.generate(request);
    const task = { kind: "number", gold: "8" };
    const { formatRule } = model.info;
    const judged = await model.judge({ question: request.prompt, task }, completions[0].text, { formatRule });
    model.dispose();
    return { ...completions[0], judged };
  });
  await page.locator("[data-testid=thinking]").first().evaluate((details) => (details.open = true));
  assert.equal(await text(page, "reasoning"), expected.reasoning.trim());
  assert.equal(await text(page, "answer"), expected.content.trim());
  const summary = expected.text.split("</think>")[1].split("<answer>")[0].trim();
  assert.ok(summary, "a distilled model sums up before it answers");
  assert.equal(await text(page, "outside"), summary);
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

test("base, student and R1-Zero answer the same question", async () => {
  const page = await visit();
  await settings(page, { temperature: 0 });
  await ask(page, "What is 7+5?");
  await page.locator("#which-base, [data-testid=which-base]").first().click();
  await page.locator("[data-testid=versus-base]").waitFor({ timeout: 120_000 }).catch(() => {});
  if ((await page.locator("[data-testid=versus-base]").count()) === 0) await ask(page, "What is 7+5?");
  await page.locator("[data-testid=versus-base]").waitFor({ timeout: 60_000 });
  await page.locator("[data-testid=which-r1-zero]").check({ force: true });
  await page.locator("[data-testid=versus-r1-zero]").waitFor({ timeout: 60_000 });
  assert.ok(await page.locator("[data-testid=versus-distilled]").count());
});

test("on a second visit models come from the cache, and can be deleted", async () => {
  let page = await visit();
  await ask(page, "What is 7+5?");
  await page.close();
  shared.site.fault = (url) => (url.includes("/models/") ? { status: 503 } : undefined);
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

test("without WebGPU the page says so, in both languages, and works", async () => {
  await withoutWebGpu(async (context) => {
    const page = await visit("", context);
    await ask(page, "What is 7+5?");
    const said = async () => [
      await page.locator("#notice").innerText(),
      await text(page, "device-reason"),
    ];
    for (const words of await said()) assert.match(words, /no GPU with WebGPU was found/);
    assert.match(await text(page, "device-name"), /CPU/);
    await page.locator("#language").click();
    for (const words of await said()) assert.match(words, /没有找到支持 WebGPU 的 GPU/);
  }, { locale: "en-GB" });
});

test("why the CPU is taken is said by its reason, and not where it was chosen", async () => {
  const page = await visit();
  await ask(page, "What is 7+5?");
  assert.match(await text(page, "device-reason"), /computes on the CPU itself/);
  assert.match(await text(page, "notice-why"), /computes on the CPU itself/);
  await page.locator("#language").click();
  assert.match(await text(page, "device-reason"), /本身就在 CPU 上计算/);
  await page.locator("#language").click();
  await settings(page, { "device-choice": "cpu" });
  await ask(page, "What is 7+6?");
  assert.equal(await page.locator("[data-testid=device-reason]").count(), 0);
  assert.ok(!(await page.locator("#notice").isVisible()), "what it said is over");
});

/** Presses Tab until the element with this id has the focus. */
async function tabTo(page, id) {
  for (let i = 0; i < 60; i++) {
    if (await page.evaluate((id) => document.activeElement?.id === id, id)) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`${id} is not reached by the keyboard`);
}

const unnamed = (page) =>
  page.evaluate(() => {
    const controls = [...document.querySelectorAll("button, input, select, textarea, a, [role=group]")];
    const named = (control) =>
      control.labels?.length || control.ariaLabel || control.textContent.trim() || control.title ||
      control.getAttribute("aria-labelledby");
    return controls.filter((control) => !named(control)).map((control) => control.outerHTML);
  });

test("a meter shows tags and figures, for one completion and for each of eight", async () => {
  const page = await visit();
  await settings(page, { temperature: 0 });
  await ask(page, "What is 12+7-4+9?");
  const one = page.locator("#result [data-testid=meter]");
  assert.equal(await one.count(), 1);
  assert.equal(await one.locator(".once").count(), 4, "all four tags once");
  assert.match(await one.locator("[data-testid=meter-tags]").textContent(), /<think>: once/);
  assert.match(await text(page, "meter-repetition"), /^\d+ %$/);
  assert.match(await text(page, "meter-reflective"), /^\d+$/);
  await page.locator("#language").click();
  assert.match(await one.locator("[data-testid=meter-tags]").textContent(), /<think>：一次/);
  await page.locator("#language").click();

  await page.locator("[data-testid=which-base]").check({ force: true });
  await settings(page, { temperature: 1, "new-seed": false, seed: 3 });
  await page.locator("#question").fill("What is 12+7-4+9?");
  await at(page, "sample").click();
  await page.locator("[data-testid=sample-group][aria-busy=false]").waitFor({ timeout: 120_000 });
  assert.equal(await page.locator("[data-testid=completion] [data-testid=meter]").count(), 8);
  const cards = await page.locator("[data-testid=completion]").all();
  const texts = await Promise.all(cards.map((card) => card.locator(".stream").textContent()));
  // Thinking, then a reply, on texts without other tags.
  const form = /^\s*<think>[^<]*\S[^<]*<\/think>((?:[^<]|<\/?answer>)*)$/;
  const kept = texts.map((text) => Boolean(form.exec(text)?.[1].replace(/<[^>]*>/g, "").trim()));
  const count = kept.filter(Boolean).length;
  assert.ok(count > 0 && count < 8, `${count} of 8 keep the format: choose another seed`);
  assert.match(await text(page, "well-formed-count"), new RegExp(`\\(${count} of 8\\)`));
  await page.locator("[data-testid=only-well-formed]").focus();
  await page.keyboard.press("Space");
  for (const [i, card] of cards.entries()) assert.equal(await card.isVisible(), kept[i], texts[i]);
  await page.keyboard.press("Space");
  for (const card of cards) assert.ok(await card.isVisible());
  assert.deepEqual(await unnamed(page), []);
  assert.deepEqual(page.faults, []);
});

test("without a meter nothing is counted, and that is remembered", async () => {
  let page = await visit();
  await settings(page, { meter: false });
  await page.close();
  page = await visit();
  await ask(page, "What is 7+5?");
  assert.ok(!(await page.locator("#result [data-testid=meter]").isVisible()));
  await at(page, "sample").click();
  await page.locator("[data-testid=sample-group][aria-busy=false]").waitFor({ timeout: 120_000 });
  assert.equal(await page.locator("[data-testid=completion] [data-testid=meter]").count(), 0);
  assert.ok(!(await page.locator("[data-testid=only-well-formed]").isVisible()));
});

test("the tab About says what runs where, by keyboard, in both languages, on a phone", async () => {
  const page = await visit();
  await tabTo(page, "tab-ask");
  await page.keyboard.press("ArrowLeft");
  assert.equal(await page.evaluate(() => document.activeElement.id), "tab-about");
  const about = page.locator("#about");
  await about.waitFor();
  assert.match(page.url(), /#about$/);
  assert.equal(await about.getAttribute("aria-labelledby"), "tab-about");
  for (const said of [/Nothing\. What you ask/, /DeepSeek-R1/, /184,448/, /MIT/, /WebGPU/]) {
    assert.match(await about.innerText(), said);
  }
  const links = await about.locator("a").evaluateAll((links) => links.map((link) => link.href));
  assert.ok(links.length >= 5);
  for (const link of links) {
    assert.ok(link.startsWith(shared.site.origin + home), link);
    const answer = await page.request.get(link);
    assert.equal(answer.status(), 200, link);
    assert.ok((await answer.text()).length > 500, link);
  }
  assert.deepEqual(page.faults, []);
  const small = await shared.browser.newContext(phone);
  const other = await visit("#about", small);
  assert.match(await other.locator("#about").innerText(), /什么|没有。您的问题/);
  const wide = await other.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, "nothing lies beside a phone's screen");
  const empty = await other.locator("#about [data-t]").evaluateAll((texts) => texts.filter((t) => !t.textContent).length);
  assert.equal(empty, 0);
  await small.close();
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
  assert.ok(!shared.site.requests.some(({ url }) => url.includes("thinkling-web-learn")), "not before it is asked for");
  await settings(page, { "device-choice": "cpu" });
  await page.locator("#learn-start").click();
  await page.waitForFunction(
    () => Number(/Step (\d+)/.exec(document.querySelector("#learn-state").textContent)?.[1]) >= 10,
    undefined,
    { timeout: 300_000 },
  );
  assert.ok(!(await page.locator("#notice").isVisible()), "measuring is over");
  // By whichever of the measured reasons, in the page's words.
  const note = page.locator("#learn-device-note");
  assert.match(await note.innerText(), /measured, [\d.]+ s a step|not ready after|takes more than/);
  await page.locator("#language").click();
  assert.match(await note.innerText(), /实测 GPU 每步|仍未就绪|每步超过/);
  await page.locator("#language").click();
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
  const context = await shared.browser.newContext(phone);
  const page = await visit("", context);
  assert.equal(await page.locator("html").getAttribute("lang"), "zh-Hans");
  const wide = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok((await wide()) <= 0, "nothing lies beside a phone's screen");
  await page.locator("#language").click();
  assert.equal(await page.locator("html").getAttribute("lang"), "en");
  await page.locator("#question").fill("What is 7+5?");
  await page.keyboard.press("Enter");
  await page.locator("[data-testid=verdict]:visible").first().waitFor({ timeout: 120_000 });
  assert.ok((await wide()) <= 0);
  assert.deepEqual(await unnamed(page), [], "every control has a name for screen readers");
  await context.close();
});
