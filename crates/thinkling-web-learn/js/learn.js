// The page's side of learning: promises over the messages of worker.js. See learn.d.ts.

/** Most that the module takes for counts and seeds. */
const MOST = 0xffff_ffff;

function whole(value, name, least) {
  if (!Number.isInteger(value) || value < least || value > MOST) {
    throw new RangeError(`${name}, expected: a whole number of at least ${least}, got: ${value}`);
  }
  return value;
}

export class Learner {
  #worker;
  #calls = new Map();
  #calledSoFar = 0;
  #onNotice;
  #onStep = null;
  #learning = Promise.resolve();
  #ended = null;

  /** Made by `createLearner`. */
  constructor(onNotice) {
    this.info = null;
    this.#onNotice = onNotice;
    this.#worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data }) => this.#hear(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#end(new Error(event.message || "the learner's worker cannot be started"));
    };
  }

  async create({ model, device = "auto", seed = 1 }) {
    const folder = new URL(model, document.baseURI);
    // The last part of an address names a file unless a slash follows it.
    folder.pathname = folder.pathname.replace(/\/*$/, "/");
    const args = { folder: folder.href, device, seed: whole(seed, "seed", 0) };
    this.info = Object.freeze(await this.#call("create", args));
    return this;
  }

  async start(onStep, steps = Infinity) {
    if (this.#onStep) {
      throw new Error("it is learning already");
    }
    if (steps !== Infinity) {
      whole(steps, "steps", 0);
    }
    this.#onStep = onStep;
    this.#learning = this.#call("start", { steps });
    try {
      await this.#learning;
    } finally {
      this.#onStep = null;
    }
  }

  async pause() {
    await this.#call("pause");
    // So that it can be started again at once; how it ended is told where it was started.
    await this.#learning.catch(() => {});
  }

  async reset() {
    await this.pause();
    await this.#call("reset");
  }

  async evaluate(which, problems) {
    if (which !== "base" && which !== "now") {
      throw new RangeError(`which, expected: "base" or "now", got: ${which}`);
    }
    return this.#call("evaluate", { which, problems: whole(problems, "problems", 1) });
  }

  async compare(seed) {
    return this.#call("compare", { seed: whole(seed, "seed", 0) });
  }

  async exportWeights() {
    return this.#call("exportWeights");
  }

  dispose() {
    this.#worker.terminate();
    this.#end(new Error("the learner was disposed of"));
  }

  #call(method, args = {}) {
    return new Promise((resolve, reject) => {
      if (this.#ended) {
        reject(this.#ended);
        return;
      }
      this.#calledSoFar += 1;
      const id = this.#calledSoFar;
      this.#calls.set(id, { resolve, reject });
      this.#worker.postMessage({ id, method, args });
    });
  }

  #hear({ id, result, error, notice, report }) {
    if (notice !== undefined) {
      this.#onNotice?.(notice);
    } else if (report !== undefined) {
      this.#onStep?.(report);
    } else {
      const call = this.#calls.get(id);
      this.#calls.delete(id);
      if (error === undefined) {
        call?.resolve(result);
      } else {
        call?.reject(new Error(error));
      }
    }
  }

  /** Nothing answers any more. */
  #end(error) {
    this.#ended ??= error;
    for (const { reject } of this.#calls.values()) {
      reject(error);
    }
    this.#calls.clear();
  }
}

export async function createLearner(options) {
  const learner = new Learner(options.onNotice);
  try {
    return await learner.create(options);
  } catch (error) {
    learner.dispose();
    throw error;
  }
}
