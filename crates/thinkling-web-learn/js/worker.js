// Learns in a worker: answers the messages of learn.js by the WebAssembly module.
//
// In:  { id, method, args }          Out: { id, result } | { id, error } | { notice } | { report }
// Calls of the module run one after the other, so that a step and a question about the model never
// meet; between two of them the event loop goes round, so that `pause` is heard.

import init, { WebLearner } from "./thinkling_web_learn.js";

let learner = null;
let learning = false;
let last = Promise.resolve();

/** Runs `work` once all earlier calls have ended. */
function inTurn(work) {
  const result = last.then(work);
  last = result.then(
    () => breathe(),
    () => breathe(),
  );
  return result;
}

function breathe() {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

async function fetched(folder, name) {
  const response = await fetch(new URL(name, folder));
  if (!response.ok) {
    throw new Error(`${name} cannot be loaded (HTTP ${response.status})`);
  }
  return response;
}

/** The name of the GPU that the browser offers, or undefined. */
async function adapterName() {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) {
    return undefined;
  }
  const { vendor, architecture, description } = adapter.info ?? {};
  return description || [vendor, architecture].filter(Boolean).join(" ") || "GPU";
}

/** JSON has no infinities; what is none of its numbers arrives as null. */
function asReport(json) {
  const report = JSON.parse(json);
  for (const key of ["loss", "gradNorm", "entropy"]) {
    report[key] ??= NaN;
  }
  return report;
}

const methods = {
  async create({ folder, device, seed }) {
    const [config, tokenizer, weights, adapter] = await Promise.all([
      fetched(folder, "config.json").then((response) => response.text()),
      fetched(folder, "tokenizer.json").then((response) => response.arrayBuffer()),
      fetched(folder, "model.safetensors").then((response) => response.arrayBuffer()),
      device === "cpu" ? undefined : adapterName(),
      init(),
    ]);
    learner = await WebLearner.create(
      config,
      new Uint8Array(tokenizer),
      new Uint8Array(weights),
      device,
      adapter,
      seed,
      (notice) => postMessage({ notice }),
    );
    return JSON.parse(learner.info());
  },

  /** Ends when it was paused or has made its steps. */
  async start({ steps }) {
    learning = true;
    for (let step = 0; learning && step < steps; step += 1) {
      await inTurn(async () => {
        if (learning) {
          postMessage({ report: asReport(await learner.step()) });
        }
      });
      await breathe();
    }
    learning = false;
  },

  async pause() {
    learning = false;
    await last;
  },

  reset: () => inTurn(() => learner.reset()),
  evaluate: ({ which, problems }) =>
    inTurn(async () => JSON.parse(await learner.evaluate(which === "base", problems))),
  compare: ({ seed }) => inTurn(async () => JSON.parse(await learner.compare(seed))),
  exportWeights: () => inTurn(() => learner.exportWeights()),
};

onmessage = async ({ data: { id, method, args } }) => {
  try {
    const result = await methods[method](args);
    const transfer = result instanceof Uint8Array ? [result.buffer] : [];
    postMessage({ id, result }, transfer);
  } catch (error) {
    learning = false;
    postMessage({ id, error: error instanceof Error ? error.message : String(error) });
  }
};

// What no call waits for: the module came to an end in the middle of one.
addEventListener("unhandledrejection", (event) => {
  throw event.reason;
});
