// The worker's side: takes calls from client.js, one after the other, and gives events and results.
//
// A message to the worker is { id, call, args }, from it { id, event } or { id, result } or
// { id, error }. `abort` is answered by the call that it ends.

import init, * as web from "./thinkling_web.js";

const ready = init();
let model = null;
// The call that runs, whether it is to end, and those that wait.
let running = null;
let aborted = false;
let queue = Promise.resolve();
const gone = new Set();

const calls = {
  async load({ source, options, keep }, event) {
    // The module's own WebGPU interface does not tell.
    const adapter = options.device === "cpu" ? null : await navigator.gpu?.requestAdapter();
    const { vendor, architecture } = adapter?.info ?? {};
    const gpuName = [vendor, architecture].filter(Boolean).join(" ");
    options = { ...options, gpuName };
    model = await web.load(source, JSON.stringify(options), keep, () => aborted, event);
    return model.info;
  },
  generate: ({ request }, event) => model.generate(JSON.stringify(request), event),
  chat: ({ request }, event) => model.chat(JSON.stringify(request), event),
  logprobs: ({ text }) => model.logprobs(JSON.stringify(text)),
  judge: ({ problem, completion, options }) =>
    web.judge(JSON.stringify(problem), completion, JSON.stringify(options ?? {})),
  score: ({ kind, line, template }) => web.score(kind, JSON.stringify(line), template),
  advantages: ({ rewards }) => web.advantages(new Float64Array(rewards)),
  cached: () => web.cached(),
  deleteCached: ({ key }) => web.deleteCached(key),
};

async function run(id, call, args) {
  // A call that was aborted while it waited is not begun.
  if (gone.delete(id)) {
    postMessage({ id, error: { name: "AbortError", message: "aborted" } });
    return;
  }
  running = id;
  aborted = false;
  try {
    await ready;
    const result = await calls[call](args, (event) => postMessage({ id, event }));
    postMessage({ id, result });
  } catch (thrown) {
    // After a panic the module's memory is in no state to go on.
    const panic = thrown instanceof WebAssembly.RuntimeError ? web.lastPanic() : "";
    const message = panic || thrown?.message || String(thrown);
    const name = aborted && !panic ? "AbortError" : "Error";
    postMessage({ id, error: { name, message, fatal: panic !== "" } });
  }
  running = null;
}

onmessage = ({ data: { id, call, args } }) => {
  switch (call) {
    case "abort":
      if (args.id === running) {
        aborted = true;
        model?.abort();
      } else {
        gone.add(args.id);
      }
      break;
    case "loseDevice":
      model?.loseDevice();
      postMessage({ id, result: null });
      break;
    default:
      queue = queue.then(() => run(id, call, args));
  }
};
