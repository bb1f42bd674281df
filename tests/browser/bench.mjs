// Speed of the package in headless Chromium on one model: `node bench.mjs MODEL.gguf [cpu|gpu] [tokens] [runs]`.
//
// Prints one JSON object: medians and all runs of prefill and decode (tokens a second), seconds to the
// first token, seconds of loading (downloaded from this machine, then from the cache), and memory.
// Environment as in harness.mjs.

import os from "node:os";
import path from "node:path";
import { Site, launch, open, package_ } from "./harness.mjs";

const [model, device = "cpu", tokens = "64", runs = "3", promptTokens = "250"] = process.argv.slice(2);

const site = await new Site({ "/package/": package_, "/model/": path.dirname(path.resolve(model)) }).start();
const browser = await launch();
const page = await open(await browser.newContext(), site);

const measured = await page.evaluate(
  async ({ url, device, tokens, runs, promptTokens }) => {
    const options = { device, context: promptTokens + tokens + 8, rows: 1 };
    const first = await thinkling.load(url, options);
    first.dispose();
    const model = await thinkling.load(url, options);
    const measured = [];
    for (let run = 0; run <= runs; run++) {
      // Another first token each time, so that nothing is kept of the run before.
      const prompt = Array.from({ length: promptTokens }, (_, i) => ((i + run) * 37) % 4000 + 100);
      const { timing } = await model.generate({ prompt, temperature: 0, maxTokens: tokens });
      // The first run compiles.
      if (run > 0) measured.push(timing);
    }
    return { info: model.info, load: first.info.loadSeconds, measured };
  },
  { url: `/model/${path.basename(model)}`, device, tokens: +tokens, runs: +runs, promptTokens: +promptTokens },
);
await browser.close();
await site.stop();

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const of = (value) => measured.measured.map(value);
const decode = of((timing) => timing.tokensPerSecond);
const prefill = of((timing) => (timing.promptTokens - timing.keptTokens) / timing.firstTokenSeconds);
const first = of((timing) => timing.firstTokenSeconds);
console.log(
  JSON.stringify({
    device: measured.info.device,
    decode_tokens_per_s: median(decode),
    prefill_tokens_per_s: median(prefill),
    first_token_s: median(first),
    load_s: measured.load,
    load_from_cache_s: measured.info.loadSeconds,
    wasm_mb: measured.info.wasmBytes / 1e6,
    gpu_mb: measured.info.gpuBytes / 1e6,
    runs: { decode, prefill, first_token_s: first },
    load_average: os.loadavg()[0],
  }),
);
