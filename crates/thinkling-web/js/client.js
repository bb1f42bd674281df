// The page's side: a model in a worker of its own. client.d.ts says what everything means.

import { Peer } from "./messages.js";

export class Model {
  #peer;
  #onNotice;

  /** @private Use `load`. */
  constructor(peer, info, onNotice) {
    this.#peer = peer;
    this.#onNotice = onNotice;
    this.info = info;
  }

  #events(kind, listener) {
    return ({ event, value }) => {
      if (event === kind) listener?.(value);
      else if (event === "notice") this.#onNotice?.(value);
    };
  }

  generate(request, onToken, signal) {
    return this.#peer.call("generate", { request }, this.#events("token", onToken), signal);
  }

  chat(request, onChunk, signal) {
    return this.#peer.call("chat", { request }, this.#events("chunk", onChunk), signal);
  }

  judge(problem, completion, options) {
    return this.#peer.call("judge", { problem, completion, options });
  }

  score(kind, line, options) {
    return this.#peer.call("score", { kind, line, options });
  }

  advantages(rewards) {
    return this.#peer.call("advantages", { rewards });
  }

  logprobs(text) {
    return this.#peer.call("logprobs", { text }, this.#events());
  }

  loseDevice() {
    return this.#peer.call("loseDevice");
  }

  dispose() {
    this.#peer.end(new Error("the model was disposed of"));
  }
}

export async function load(source, options = {}) {
  const { cache = true, onProgress, onNotice, signal, ...rest } = options;
  const peer = new Peer("the model");
  const onEvent = ({ event, value }) => {
    if (event === "progress") onProgress?.(value);
    else if (event === "notice") onNotice?.(value);
  };
  try {
    const args = { source: place(source), options: rest, keep: cache };
    return new Model(peer, await peer.call("load", args, onEvent, signal), onNotice);
  } catch (error) {
    peer.end(error);
    throw error;
  }
}

/** An address as text, or an array of files. */
function place(source) {
  if (typeof source === "string" || source instanceof URL) {
    return new URL(source, document.baseURI).href;
  }
  if (source instanceof Uint8Array) return [new File([source], "model.gguf")];
  return Array.isArray(source) ? source : [source];
}

async function once(call, args) {
  const peer = new Peer("the model");
  try {
    return await peer.call(call, args);
  } finally {
    peer.end(new Error("done"));
  }
}

export const cached = () => once("cached");

export const deleteCached = (key) => once("deleteCached", { key });
