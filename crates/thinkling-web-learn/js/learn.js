// The page's side of learning. learn.d.ts says what everything means.

import { Peer } from "./messages.js";

/** Most that the module takes for counts and seeds. */
const MOST = 0xffff_ffff;

function whole(value, name, least) {
  if (!Number.isInteger(value) || value < least || value > MOST) {
    throw new RangeError(`${name}, expected: a whole number of at least ${least}, got: ${value}`);
  }
  return value;
}

export class Learner {
  #peer = new Peer("the learner");
  #learning = null;

  /** Made by `createLearner`. */
  constructor() {
    this.info = null;
  }

  async create({ model, device = "auto", seed = 1, onNotice }) {
    const folder = new URL(model, document.baseURI);
    // The last part of an address names a file unless a slash follows it.
    folder.pathname = folder.pathname.replace(/\/*$/, "/");
    const args = { folder: folder.href, device, seed: whole(seed, "seed", 0) };
    const info = await this.#peer.call("create", args, (notice) => onNotice?.(notice));
    this.info = Object.freeze(info);
    return this;
  }

  async start(onStep, steps = Infinity) {
    if (this.#learning) {
      throw new Error("it is learning already");
    }
    if (steps !== Infinity) {
      whole(steps, "steps", 0);
    }
    this.#learning = this.#peer.call("start", { steps }, (report) => onStep?.(report));
    try {
      await this.#learning;
    } finally {
      this.#learning = null;
    }
  }

  async pause() {
    const learning = this.#learning;
    await this.#peer.call("pause");
    // So that it can be started again at once; how it ended is told where it was started.
    await learning?.catch(() => {});
  }

  async reset() {
    await this.pause();
    await this.#peer.call("reset");
  }

  async evaluate(which, problems) {
    if (which !== "base" && which !== "now") {
      throw new RangeError(`which, expected: "base" or "now", got: ${which}`);
    }
    return this.#peer.call("evaluate", { which, problems: whole(problems, "problems", 1) });
  }

  async compare(seed) {
    return this.#peer.call("compare", { seed: whole(seed, "seed", 0) });
  }

  async exportWeights() {
    return this.#peer.call("exportWeights");
  }

  dispose() {
    this.#peer.end(new Error("the learner was disposed of"));
  }
}

export async function createLearner(options) {
  const learner = new Learner();
  try {
    return await learner.create(options);
  } catch (error) {
    learner.dispose();
    throw error;
  }
}
