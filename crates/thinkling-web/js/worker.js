// The worker's side: takes calls from client.js, one after the other, and gives events and results.
// `abort` ends the call that it names; that call's answer says so.

import init, * as web from "./thinkling_web.js";
import { Turns, aborted, adapterName, serve } from "./messages.js";

const ready = init();
const turns = new Turns();
let model = null;
// The call that runs, whether it is to end, and those that were aborted while they waited.
let running = null;
let ending = false;
const gone = new Set();

async function load({ source, options, keep }, tell) {
  // The module's own WebGPU interface does not tell.
  const gpuName = options.device === "cpu" ? undefined : await adapterName();
  options = { ...options, gpuName };
  model = await web.load(source, JSON.stringify(options), keep, () => ending, tell);
  return model.info;
}

/** Runs a call in its turn, and says why it failed. */
const inTurn = (work) => (args, tell, id) =>
  turns.run(async () => {
    if (gone.delete(id)) throw aborted();
    running = id;
    ending = false;
    try {
      await ready;
      return await work(args, tell);
    } catch (thrown) {
      // After a panic the module's memory is in no state to go on.
      const panic = thrown instanceof WebAssembly.RuntimeError ? web.lastPanic() : "";
      if (panic) throw { message: panic, fatal: true };
      if (ending) throw aborted();
      throw thrown;
    } finally {
      running = null;
    }
  });

const calls = {
  load,
  generate: ({ request }, tell) => model.generate(JSON.stringify(request), tell),
  chat: ({ request }, tell) => model.chat(JSON.stringify(request), tell),
  logprobs: ({ text }) => model.logprobs(JSON.stringify(text)),
  judge: ({ problem, completion, options }) =>
    web.judge(JSON.stringify(problem), completion, JSON.stringify(options ?? {})),
  score: ({ kind, line, options }) =>
    web.score(kind, JSON.stringify(line), JSON.stringify(options ?? {})),
  advantages: ({ rewards }) => web.advantages(new Float64Array(rewards)),
  cached: () => web.cached(),
  deleteCached: ({ key }) => web.deleteCached(key),
};

serve({
  ...Object.fromEntries(Object.entries(calls).map(([name, work]) => [name, inTurn(work)])),
  abort({ id }) {
    if (id === running) {
      ending = true;
      model?.abort();
    } else {
      gone.add(id);
    }
  },
  loseDevice: () => model?.loseDevice(),
});
