// The package as its users have it: the client, its worker, and the module as it is built.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { native, open, package_, root, stage, withoutWebGpu } from "./harness.mjs";

const base = path.join(root, "recipes/mini-world-base");
const distilled = path.join(root, "web/models/distilled");
const smollm2 = process.env.THINKLING_SMOLLM2_GGUF;
const golden = process.env.THINKLING_SMOLLM2_GOLDEN;

const question = "What is 3 + 4";
const ask = { prompt: question, template: "r1-zero", maxTokens: 40 };
const asked = ["--template", "r1-zero", "--prompt", question, "--max-tokens", "40"];

const mounts = { "/package/": package_, "/base/": base, "/distilled/": distilled };
if (smollm2) mounts["/smollm2/"] = path.dirname(smollm2);
const shared = stage(mounts);

/** A page of a new visitor's. */
const visit = () => open(shared.context, shared.site);

/** Loads a model in a page and runs `use` there; gives what it gives, with info and notices. */
function withModel(page, source, options, use, args = {}) {
  const body = async ({ source, options, use, args }) => {
    const notices = [];
    const onNotice = (notice) => notices.push(notice);
    const model = await thinkling.load(source, { ...options, onNotice });
    try {
      const result = await (0, eval)(`(${use})`)(model, args);
      return { result, info: model.info, kinds: notices.map((notice) => notice.kind), notices };
    } finally {
      model.dispose();
    }
  };
  return page.evaluate(body, { source, options, use: use.toString(), args });
}

const generate = async (model, request) => {
  const tokens = [];
  const result = await model.generate(request, (token) => tokens.push(token));
  return { ...result, tokens };
};

for (const device of ["cpu", "gpu"]) {
  test(`greedy and sampled tokens are the native ones (${device})`, async () => {
    const page = await visit();
    const executor = ["--executor", "engine", "--device", "cpu"];
    const greedy = native("generate", "--model", base, ...asked, ...executor, "--greedy");
    const ours = await withModel(page, "/base/", { device }, generate, { ...ask, temperature: 0 });
    assert.equal(ours.info.device.kind, device);
    assert.deepEqual(ours.result.promptIds, greedy.prompt_ids);
    const { ids, text, logprobs, reasoning, content } = ours.result.completions[0];
    assert.deepEqual(ids, greedy.ids);
    assert.equal(text, greedy.text);
    logprobs.forEach((logprob, i) => assert.ok(Math.abs(logprob - greedy.logprobs[i]) < 1e-3));
    assert.equal(ours.result.tokens.map((token) => token.text).join(""), text);
    const parts = (kind) =>
      ours.result.tokens.flatMap((token) => token.parts.filter((part) => part.kind === kind));
    assert.equal(parts("reasoning").map((part) => part.text).join(""), reasoning);
    assert.equal(parts("content").map((part) => part.text).join(""), content);

    const sampling = ["--n", "8", "--seed", "3", "--top-p", "0.95"];
    const sampled = native("generate", "--model", base, ...asked, ...executor, ...sampling);
    const request = { ...ask, n: 8, seed: 3, topP: 0.95 };
    const eight = await withModel(page, "/base/", { device }, generate, request);
    eight.result.completions.forEach((completion, i) => {
      assert.deepEqual(completion.ids, sampled.completions[i].ids, `completion ${i}`);
    });
  });

  test(`the distilled student as the page has it gives the native tokens (${device})`, async () => {
    const page = await visit();
    const folder = fs.mkdtempSync(path.join(process.env.TMPDIR ?? "/tmp", "thinkling-"));
    const gguf = path.join(folder, "model.gguf");
    fs.copyFileSync(path.join(distilled, "model.gguf.000"), gguf);
    const request = { ...ask, temperature: 0 };
    const ours = await withModel(page, "/distilled/manifest.json", { device }, generate, request);
    const ids = ours.result.promptIds.join(",");
    const args = ["--prompt-ids", ids, "--max-tokens", "40", "--greedy", "--executor", "engine"];
    const theirs = native("generate", "--model", gguf, ...args, "--device", "cpu");
    assert.deepEqual(ours.result.completions[0].ids, theirs.ids);
    assert.equal(ours.info.template, "r1-zero");
    assert.equal(ours.info.formatRule, "think-only");
    fs.rmSync(folder, { recursive: true });
  });
}

test("an abort ends within a token, and the model goes on serving", async () => {
  const page = await visit();
  const use = async (model, request) => {
    const abort = new AbortController();
    let tokens = 0;
    let after = 0;
    const onToken = () => {
      if (abort.signal.aborted) after += 1;
      if (++tokens === 3) abort.abort();
    };
    const { completions } = await model.generate(request, onToken, abort.signal);
    const waiting = new AbortController();
    const first = model.generate({ ...request, maxTokens: 5 });
    const second = model.generate(request, undefined, waiting.signal);
    waiting.abort();
    const refused = await second.catch((error) => error.name);
    return { completions, after, refused, whole: (await first).completions[0].finish };
  };
  // On a GPU by software, where a token takes longer than a message to the worker.
  const long = { ...ask, prompt: [5], template: "none", maxTokens: 200 };
  const { result } = await withModel(page, "/base/", { device: "gpu" }, use, long);
  assert.equal(result.completions[0].finish, "abort");
  assert.ok(result.after <= 1, `${result.after} tokens after the abort`);
  assert.equal(result.refused, "AbortError");
  assert.notEqual(result.whole, "abort");
});

test("a model that is kept loads without a server, and can be deleted", async () => {
  const page = await visit();
  const request = { ...ask, temperature: 0 };
  for (const source of ["/base/", "/distilled/manifest.json"]) {
    const first = await withModel(page, source, { device: "cpu" }, generate, request);
    shared.site.fault = (url) => (url.startsWith("/package/") ? undefined : { status: 503 });
    const again = await withModel(page, source, { device: "cpu" }, generate, request);
    assert.deepEqual(again.result.completions, first.result.completions);
    assert.deepEqual(again.kinds, []);
    shared.site.fault = () => undefined;
  }
  const kept = await page.evaluate(() => thinkling.cached());
  assert.equal(kept.length, 2);
  for (const entry of kept) assert.equal(entry.bytes, entry.total, entry.url);
  const key = kept.find((entry) => entry.url.endsWith("/base/")).key;
  const left = await page.evaluate(async (key) => {
    await thinkling.deleteCached(key);
    const one = (await thinkling.cached()).length;
    await thinkling.deleteCached();
    return [one, (await thinkling.cached()).length];
  }, key);
  assert.deepEqual(left, [1, 0]);
});

test("a damaged part of what is kept is loaded again", async () => {
  const page = await visit();
  const source = "/distilled/manifest.json";
  const request = { ...ask, temperature: 0 };
  const first = await withModel(page, source, { device: "cpu" }, generate, request);
  await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const models = await root.getDirectoryHandle("thinkling-models");
    for await (const folder of models.values()) {
      for await (const [name, file] of folder.entries()) {
        if (!name.startsWith("model.gguf-")) continue;
        const writable = await file.createWritable({ keepExistingData: true });
        await writable.write({ type: "write", position: 1000, data: new Uint8Array([1, 2, 3]) });
        await writable.close();
      }
    }
  });
  const again = await withModel(page, source, { device: "cpu" }, generate, request);
  assert.deepEqual(again.kinds, ["cache-corrupted"]);
  assert.deepEqual(again.result.completions, first.result.completions);
});

test("a broken download goes on where it broke", async () => {
  const page = await visit();
  let cuts = 2;
  shared.site.fault = (url) =>
    url === "/base/model.safetensors" && cuts-- > 0 ? { cutAfter: 700_000 } : undefined;
  const request = { ...ask, temperature: 0 };
  const ours = await withModel(page, "/base/", { device: "cpu" }, generate, request);
  assert.deepEqual(ours.kinds, ["download-resumed", "download-resumed"]);
  const ranges = shared.site.requests.filter(({ url }) => url.endsWith(".safetensors"));
  assert.equal(ranges.length, 3);
  assert.ok(ranges[1].range && ranges[2].range, "only what is missing is asked for");
});

test("a visit goes on with the download of the visit before", async () => {
  const request = { ...ask, temperature: 0 };
  const page = await visit();
  let answers = 0;
  shared.site.fault = (url) => {
    if (url !== "/base/model.safetensors") return undefined;
    return answers++ === 0 ? { cutAfter: 700_000 } : { status: 503 };
  };
  const said = await page.evaluate(() => thinkling.load("/base/").catch((error) => error.message));
  assert.match(said, /503/);
  shared.site.fault = () => undefined;
  shared.site.requests = [];
  const ours = await withModel(page, "/base/", { device: "cpu" }, generate, request);
  assert.deepEqual(ours.kinds, ["download-resumed"]);
  const asked = shared.site.requests.filter(({ url }) => url === "/base/model.safetensors");
  assert.equal(asked.length, 1);
  assert.match(asked[0].range, /^bytes=[1-9]\d+-$/);
  assert.ok(ours.result.completions[0].ids.length > 3);
});

test("a file that changes while it is loaded begins anew, also on a server without ranges", async () => {
  const request = { ...ask, temperature: 0 };
  const page = await visit();
  const whole = await withModel(page, "/base/", { device: "cpu", cache: false }, generate, request);
  for (const second of [{ etag: '"2"' }, { whole: true }]) {
    let answers = 0;
    shared.site.fault = (url) => {
      if (url !== "/base/model.safetensors") return undefined;
      return answers++ === 0 ? { cutAfter: 700_000 } : second;
    };
    await page.evaluate(() => thinkling.deleteCached());
    const ours = await withModel(page, "/base/", { device: "cpu" }, generate, request);
    assert.deepEqual(ours.kinds, ["download-restarted"], JSON.stringify(second));
    assert.deepEqual(ours.result.completions, whole.result.completions);
    shared.site.fault = (url) => (url.startsWith("/package/") ? undefined : { status: 503 });
    const again = await withModel(page, "/base/", { device: "cpu" }, generate, request);
    assert.deepEqual(again.result.completions, whole.result.completions);
  }
});

test("a file whose hash is not the manifest's is refused", async () => {
  const page = await visit();
  const file = fs.readFileSync(path.join(distilled, "model.gguf.000"));
  file[5000] ^= 1;
  shared.site.fault = (url) => (url.endsWith("model.gguf.000") ? { body: file } : undefined);
  const said = await page.evaluate(
    () => thinkling.load("/distilled/manifest.json").catch((error) => error.message),
  );
  assert.match(said, /SHA-256/);
  assert.equal(shared.site.requests.filter(({ url }) => url.endsWith("model.gguf.000")).length, 2);
});

test("what cannot be loaded or asked says why", async () => {
  const page = await visit();
  const said = (source) =>
    page.evaluate((source) => thinkling.load(source).catch((error) => error.message), source);
  assert.match(await said("/nothing.gguf"), /nothing\.gguf.*404/);
  assert.match(await said("/blank.html"), /not a model/);
  assert.match(await said("/base/model.safetensors"), /config\.json is missing/);
  const use = (model) => model.generate({ prompt: "a", topP: 2 }).catch((error) => error.message);
  const { result } = await withModel(page, "/base/", { device: "cpu" }, use);
  assert.match(result, /top-p/);
});

test("a visitor's files and bytes are models too", async () => {
  const page = await visit();
  const lengths = await page.evaluate(async (ask) => {
    const get = async (url) => new Uint8Array(await (await fetch(url)).arrayBuffer());
    const names = ["config.json", "generation_config.json", "tokenizer.json", "model.safetensors"];
    const files = await Promise.all(
      names.map(async (name) => new File([await get(`/base/${name}`)], name)),
    );
    const model = await thinkling.load(files, { device: "cpu" });
    const { completions } = await model.generate({ ...ask, temperature: 0 });
    model.dispose();
    return completions[0].ids.length;
  }, ask);
  assert.ok(lengths > 3);
  if (!smollm2) return;
  const name = await page.evaluate(async (url) => {
    const bytes = new Uint8Array(await (await fetch(url)).arrayBuffer());
    const model = await thinkling.load(bytes, { device: "cpu", context: 64, rows: 1 });
    return model.info.architecture;
  }, `/smollm2/${path.basename(smollm2)}`);
  assert.equal(name, "llama");
});

test("tabs that load the same model at once all keep it", async () => {
  const pages = [await visit(), await visit(), await visit()];
  const request = { ...ask, temperature: 0 };
  const load = (page) => withModel(page, "/base/", { device: "cpu" }, generate, request);
  const loaded = await Promise.all(pages.map(load));
  for (const { result, kinds } of loaded) {
    assert.deepEqual(result.completions, loaded[0].result.completions);
    assert.deepEqual(kinds, [], "there is nothing to say");
  }
});

test("after a lost device the stream goes on with the same tokens", async () => {
  const page = await visit();
  const use = async (model, request) => {
    const whole = await model.generate(request);
    let tokens = 0;
    const lose = () => {
      if (++tokens === 5) model.loseDevice();
    };
    const again = await model.generate(request, lose);
    return { whole: whole.completions, again: again.completions };
  };
  const request = { ...ask, n: 3, seed: 4 };
  const { result, kinds } = await withModel(page, "/base/", { device: "gpu" }, use, request);
  assert.deepEqual(kinds, ["device-lost", "device-restored"]);
  result.again.forEach((again, i) => {
    assert.deepEqual(again.ids, result.whole[i].ids);
    assert.equal(again.text, result.whole[i].text);
  });
});

test("without WebGPU it says so and runs on the CPU", async () => {
  await withoutWebGpu(async (context) => {
    const page = await open(context, shared.site);
    const ours = await withModel(page, "/base/", {}, generate, { ...ask, temperature: 0 });
    assert.deepEqual(ours.kinds, ["no-webgpu"]);
    assert.equal(ours.info.device.kind, "cpu");
    assert.equal(ours.info.device.reason.code, "no-gpu");
    assert.ok(ours.info.device.reason.message);
    assert.deepEqual(ours.notices[0].reason, ours.info.device.reason);
    const said = await page.evaluate(
      () => thinkling.load("/base/", { device: "gpu" }).catch((error) => error.message),
    );
    assert.match(said, /GPU/);
  });
});

test("a GPU that computes on the CPU is left out, and why is said by a code", async () => {
  const page = await visit();
  const request = { ...ask, temperature: 0 };
  const ours = await withModel(page, "/base/", { device: "auto" }, generate, request);
  assert.equal(ours.info.device.kind, "cpu");
  assert.equal(ours.info.device.reason.code, "software-gpu");
  const chosen = await withModel(page, "/base/", { device: "cpu" }, generate, request);
  assert.equal(chosen.info.device.reason, null);
});

for (const device of ["cpu", "gpu"]) {
  test(`meters follow eight completions and end with the values of the rules (${device})`, async () => {
    const page = await visit();
    const use = async (model, request) => {
      const told = [];
      const onToken = ({ completion, meter, finish }) => told.push({ completion, meter, finish });
      const { completions } = await model.generate(request, onToken);
      const rules = [];
      for (const { text } of completions) {
        const score = async (kind, line) => (await model.score(kind, line, { template: "r1-zero" })).reward;
        // These rewards fall where a text repeats itself.
        rules.push({ format: await score("format", { text }), reflection: await score("reflection", { text }) });
      }
      const plain = await model.generate({ ...request, n: 1, meter: undefined });
      return { completions, told, rules, plain: plain.completions[0] };
    };
    const request = { ...ask, n: 8, seed: 3, meter: { ngram: 3 } };
    const { result } = await withModel(page, "/base/", { device }, use, request);
    result.completions.forEach(({ ids, text, meter }, i) => {
      const mine = result.told.filter(({ completion }) => completion === i);
      const told = mine.map((token) => token.meter).filter(Boolean);
      assert.deepEqual(told.at(-1), meter, "the last token tells what came of it");
      assert.ok(mine.at(-1).finish && mine.at(-1).meter);
      assert.equal(meter.tokens, ids.length);
      assert.equal(Number(meter.format), result.rules[i].format, text);
      assert.equal(meter.reflectiveWords, result.rules[i].reflection, text);
      const tags = ["<think>", "</think>", "<answer>", "</answer>"].map((tag) => text.split(tag).length - 1);
      assert.deepEqual(meter.tags, tags, text);
      const counted = told.map(({ tokens }) => tokens);
      assert.deepEqual(counted, [...new Set(counted)].sort((a, b) => a - b), "it goes forward");
    });
    const formats = new Set(result.completions.map(({ meter }) => meter.format));
    assert.equal(formats.size, 2, "the base keeps the format at times");
    assert.equal(result.plain.meter, undefined, "only where it is asked for");
    assert.deepEqual(result.plain.ids, result.completions[0].ids, "counting draws nothing");
    // On the CPU all is counted within a moment; a GPU by software takes long enough to be followed.
    if (device === "gpu") assert.ok(result.told.filter(({ meter }) => meter).length > 16);
  });
}

test("completions are judged by the rewards of training", async () => {
  const page = await visit();
  const use = async (model) => {
    const problem = { question: "What is 3 + 4?", task: { kind: "number", gold: "7" }, language: "en" };
    const right = "<think> three and four </think> <answer> 7 </answer>";
    return {
      right: await model.judge(problem, right),
      cut: await model.judge(problem, right, { truncated: true }),
      score: await model.score("math", { gold: "1/2", prediction: "\\boxed{0.5}" }),
      group: await model.advantages([2, 0, 1, 1]),
      none: await model.score("maths", {}).catch((error) => error.message),
    };
  };
  const { result } = await withModel(page, "/base/", { device: "cpu" }, use);
  assert.equal(result.right.verdict, "correct");
  assert.equal(result.right.total, 2);
  assert.equal(result.right.language, 1);
  assert.equal(result.cut.total, 0);
  assert.equal(result.score.reward, 1);
  assert.equal(result.group.mean, 1);
  assert.match(result.none, /unknown rule/);
});

test("SmolLM2 chats in chunks, and keeps what the turn before had", { skip: !smollm2 }, async () => {
  const page = await visit();
  const use = async (model) => {
    const chunks = [];
    const messages = [{ role: "user", content: "What is 17 + 25?" }];
    const request = { messages, temperature: 0, maxTokens: 4 };
    const first = await model.chat(request, (chunk) => chunks.push(chunk));
    const answer = first.completions[0].content;
    messages.push({ role: "assistant", content: answer }, { role: "user", content: "And 1 + 1?" });
    const second = await model.chat({ ...request, messages });
    return { chunks, answer, first: first.timing, second: second.timing };
  };
  const url = `/smollm2/${path.basename(smollm2)}`;
  const { result, info } = await withModel(page, url, { device: "cpu", context: 256 }, use);
  assert.ok(info.hasChatTemplate);
  const deltas = result.chunks.map((chunk) => chunk.choices[0].delta);
  assert.equal(deltas[0].role, "assistant");
  assert.equal(deltas.map((delta) => delta.content ?? "").join(""), result.answer);
  assert.equal(result.chunks.at(-1).choices[0].finish_reason, "length");
  assert.ok(result.second.keptTokens >= result.first.promptTokens, JSON.stringify(result.second));
});

for (const [device, tokens] of [["cpu", 40], ["gpu", 8]]) {
  const name = `SmolLM2's greedy tokens are those of transformers (${device})`;
  test(name, { skip: !smollm2 || !golden }, async () => {
    const page = await visit();
    const { cases } = JSON.parse(fs.readFileSync(golden));
    // On a software GPU a token of the prompt takes a second.
    cases.sort((a, b) => a.prompt_ids.length - b.prompt_ids.length);
    const url = `/smollm2/${path.basename(smollm2)}`;
    for (const { prompt_ids, greedy_ids, greedy_logprobs } of device === "cpu" ? cases : cases.slice(0, 1)) {
      const options = { device, context: 256, rows: 1 };
      const request = { prompt: prompt_ids, temperature: 0, maxTokens: tokens };
      const { result, info } = await withModel(page, url, options, generate, request);
      assert.equal(info.device.kind, device);
      const { ids, logprobs } = result.completions[0];
      assert.deepEqual(ids, greedy_ids.slice(0, ids.length));
      ids.forEach((_, i) => {
        const gap = Math.abs(logprobs[i] - greedy_logprobs[i]);
        assert.ok(gap < 5e-3, `log-probability ${i}: ${logprobs[i]} for ${greedy_logprobs[i]}`);
      });
      if (device === "cpu") continue;
      const largest = (49152 * 576 * 34) / 32;
      const most = 1.3 * largest + 64 * 2 ** 20;
      assert.ok(info.wasmBytes < most, `WebAssembly's memory: ${info.wasmBytes} of at most ${most}`);
      console.log(`figure: SmolLM2 on WebGPU: ${(info.wasmBytes / 2 ** 20).toFixed(1)} MiB of WebAssembly's memory`);
    }
  });
}
