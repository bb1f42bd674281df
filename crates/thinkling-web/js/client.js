// The page's side: a model in a worker of its own. client.d.ts says what everything means.

/** A worker with the calls that wait for its answers. */
class Peer {
  #worker;
  #waiting = new Map();
  #next = 0;
  #failed = null;

  constructor() {
    this.#worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data }) => this.#take(data);
    this.#worker.onerror = (event) => {
      const why = event.message || "its script or module could not be loaded";
      this.end(new Error(`the model's worker failed: ${why}`));
    };
  }

  call(call, args = {}, onEvent = () => {}, signal = undefined) {
    return new Promise((resolve, reject) => {
      if (this.#failed) return reject(this.#failed);
      if (signal?.aborted) return reject(aborted());
      const id = this.#next++;
      const abort = () => this.#worker.postMessage({ id: -1, call: "abort", args: { id } });
      const done = () => {
        this.#waiting.delete(id);
        signal?.removeEventListener("abort", abort);
      };
      this.#waiting.set(id, { resolve, reject, onEvent, done });
      this.#worker.postMessage({ id, call, args });
      signal?.addEventListener("abort", abort);
    });
  }

  #take({ id, event, result, error }) {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    if (event !== undefined) return waiting.onEvent(event);
    waiting.done();
    if (error === undefined) return waiting.resolve(result);
    const failure = error.name === "AbortError" ? aborted() : new Error(error.message);
    waiting.reject(failure);
    if (error.fatal) this.end(failure);
  }

  /** Ends the worker; calls that wait reject. */
  end(why) {
    this.#failed ??= why;
    this.#worker.terminate();
    for (const { reject, done } of [...this.#waiting.values()]) {
      done();
      reject(this.#failed);
    }
  }
}

const aborted = () => new DOMException("aborted", "AbortError");

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

  score(kind, line, template) {
    return this.#peer.call("score", { kind, line, template });
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
  const peer = new Peer();
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
  const peer = new Peer();
  try {
    return await peer.call(call, args);
  } finally {
    peer.end(new Error("done"));
  }
}

export const cached = () => once("cached");

export const deleteCached = (key) => once("deleteCached", { key });
