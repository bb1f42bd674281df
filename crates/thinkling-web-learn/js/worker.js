// Learns in a worker: answers the calls of learn.js by the WebAssembly module.
//
// Calls of the module run one after the other, so that a step and a question about the model never
// meet; between two of them the event loop goes round, so that `pause` is heard.

import init, { WebLearner } from "./thinkling_web_learn.js";
import { Turns, adapterName, breathe, serve } from "./messages.js";

const turns = new Turns();
let learner = null;
let learning = false;

async function fetched(folder, name) {
  const response = await fetch(new URL(name, folder));
  if (!response.ok) {
    throw new Error(`${name} cannot be loaded (HTTP ${response.status})`);
  }
  return response;
}

/** JSON has no infinities; what is none of its numbers arrives as null. */
function asReport(json) {
  const report = JSON.parse(json);
  for (const key of ["loss", "gradNorm", "entropy"]) {
    report[key] ??= NaN;
  }
  return report;
}

const calls = {
  async create({ folder, device, seed }, tell) {
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
      (notice) => tell(JSON.parse(notice)),
    );
    return JSON.parse(learner.info());
  },

  /** Ends when it was paused or has made its steps. */
  async start({ steps }, tell) {
    learning = true;
    for (let step = 0; learning && step < steps; step += 1) {
      await turns.run(async () => {
        if (learning) {
          tell(asReport(await learner.step()));
        }
      });
      await breathe();
    }
    learning = false;
  },

  async pause() {
    learning = false;
    await turns.done;
  },

  reset: () => turns.run(() => learner.reset()),
  evaluate: ({ which, problems }) =>
    turns.run(async () => JSON.parse(await learner.evaluate(which === "base", problems))),
  compare: ({ seed }) => turns.run(async () => JSON.parse(await learner.compare(seed))),
  exportWeights: () => turns.run(() => learner.exportWeights()),
};

/** A call that fails ends what is being learnt. */
const guarded = (call) => async (args, tell) => {
  try {
    return await call(args, tell);
  } catch (thrown) {
    learning = false;
    throw thrown;
  }
};

serve(Object.fromEntries(Object.entries(calls).map(([name, call]) => [name, guarded(call)])));

// What no call waits for: the module came to an end in the middle of one.
addEventListener("unhandledrejection", (event) => {
  throw event.reason;
});
