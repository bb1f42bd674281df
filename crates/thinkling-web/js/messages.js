// Calls to a worker and their answers: what both packages have in common, and what each has a copy of.
//
// A message to the worker is { id, call, args }. From it come any number of { id, event }, then one
// { id, result } or { id, error }, where an error is { name, message, fatal }.

/** What a call rejects with whose caller has broken it off. */
export const aborted = () => new DOMException("aborted", "AbortError");

/** The page's side: a worker with the calls that wait for its answers. */
export class Peer {
  #worker;
  #what;
  #waiting = new Map();
  #next = 0;
  #ended = null;

  /** `what` names it in errors. */
  constructor(what) {
    this.#what = what;
    this.#worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data }) => this.#take(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      const why = event.message || "its script or module could not be loaded";
      this.end(new Error(`${this.#what}'s worker failed: ${why}`));
    };
  }

  /** Resolves to the call's result; `onEvent` sees what it tells before. */
  call(call, args = {}, onEvent = () => {}, signal = undefined) {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended);
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

  /** Ends the worker; calls that wait reject, and later ones. */
  end(why) {
    this.#ended ??= why;
    this.#worker.terminate();
    for (const { reject, done } of [...this.#waiting.values()]) {
      done();
      reject(this.#ended);
    }
  }
}

/** The worker's side: answers messages by `calls`, functions of `(args, tell, id)`; `tell` sends an
 * event. A Uint8Array that one gives is handed over, not copied. */
export function serve(calls) {
  onmessage = async ({ data: { id, call, args } }) => {
    try {
      const result = await calls[call](args, (event) => postMessage({ id, event }), id);
      const transfer = result instanceof Uint8Array ? [result.buffer] : [];
      postMessage({ id, result }, transfer);
    } catch (thrown) {
      const { name = "Error", message = String(thrown), fatal = false } = thrown ?? {};
      postMessage({ id, error: { name, message, fatal } });
    }
  };
}

/** Does one thing after the other; between two the event loop goes round, so that messages are heard. */
export class Turns {
  #last = Promise.resolve();

  run(work) {
    const result = this.#last.then(work);
    this.#last = result.then(breathe, breathe);
    return result;
  }

  /** Resolves when all that was asked for so far is done. */
  get done() {
    return this.#last;
  }
}

/** Lets the event loop go round once. */
export const breathe = () => new Promise((resolve) => setTimeout(resolve, 0));

/** What the browser calls the GPU that it offers; undefined where it offers none. */
export async function adapterName() {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) return undefined;
  const { vendor, architecture, description } = adapter.info ?? {};
  return description || [vendor, architecture].filter(Boolean).join(" ") || "GPU";
}
