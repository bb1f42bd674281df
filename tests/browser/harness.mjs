// A server with faults on demand, the browser, and the native program to compare with.
//
// Environment: PLAYWRIGHT (folder with node_modules/playwright-core), CHROMIUM (the browser),
// THINKLING_BIN (the native program), THINKLING_WEB_PACKAGE and THINKLING_PAGE (what was built).

import { execFileSync } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import { after, before, beforeEach } from "node:test";
import { fileURLToPath } from "node:url";

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");

/** What was built: the package of the model client, and the page. */
export const package_ = process.env.THINKLING_WEB_PACKAGE ?? path.join(root, "web/generated/thinkling-web");
export const dist = process.env.THINKLING_PAGE ?? path.join(root, "web/dist");

const types = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

/** Serves folders by prefix; `faults` says what goes wrong, and `requests` what was asked for. */
export class Site {
  requests = [];
  /** `(path, request) => undefined | { status, cutAfter, body, etag, whole }`: an answer's status, the
   * bytes after which it breaks off, what stands in for the file, its version, no ranges. */
  fault = () => undefined;
  #server;

  constructor(mounts) {
    this.mounts = Object.entries({ "/": path.join(root, "tests/browser/site"), ...mounts });
    this.mounts.sort((a, b) => b[0].length - a[0].length);
  }

  async start() {
    this.#server = http.createServer((request, response) => this.#answer(request, response));
    await new Promise((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    this.origin = `http://localhost:${this.#server.address().port}`;
    return this;
  }

  async stop() {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #file(url) {
    for (const [prefix, folder] of this.mounts) {
      if (!url.startsWith(prefix)) continue;
      const file = path.join(folder, url.slice(prefix.length) || "index.html");
      return fs.existsSync(file) && fs.statSync(file).isFile() ? file : undefined;
    }
  }

  #answer(request, response) {
    const url = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    this.requests.push({ url, range: request.headers.range });
    const file = this.#file(url);
    const fault = this.fault(url, request);
    if (!file || fault?.status) {
      response.writeHead(fault?.status ?? 404).end();
      return;
    }
    const body = fault?.body ?? fs.readFileSync(file);
    const etag = fault?.etag ?? '"1"';
    const asked = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const other = (request.headers["if-range"] ?? etag) !== etag;
    const from = fault?.whole || other ? 0 : asked;
    response.writeHead(from > 0 ? 206 : 200, {
      "content-type": types[path.extname(file)] ?? "application/octet-stream",
      "content-length": body.length - from,
      "cache-control": "no-store",
      etag,
    });
    if (fault?.cutAfter !== undefined) {
      // A browser throws away what a page has not read when the connection breaks.
      const cut = () => setTimeout(() => request.socket.end(), 400);
      response.write(body.subarray(from, from + fault.cutAfter), cut);
    } else {
      response.end(body.subarray(from));
    }
  }
}

/** Headless Chromium with SwiftShader's WebGPU, or without any. A start that fails is tried again. */
export async function launch({ webgpu = true } = {}) {
  const require = createRequire(path.join(process.env.PLAYWRIGHT, "package.json"));
  const { chromium } = require("playwright-core");
  const gpu = webgpu ? ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"] : [];
  const args = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", ...gpu];
  const start = () => chromium.launch({ executablePath: process.env.CHROMIUM, args });
  try {
    return await start();
  } catch (error) {
    console.log(`figure: the browser had to be started twice: ${error.message.split("\n")[0]}`);
    return start();
  }
}

/** What tests of one file share: a site of these mounts, a browser, and a new context (made with
 * `options`) for each test, when nothing has gone wrong and nothing was asked for yet. */
export function stage(mounts, options = {}) {
  const shared = {};
  before(async () => {
    shared.site = await new Site(mounts).start();
    shared.browser = await launch();
  });
  after(async () => {
    await shared.browser.close();
    await shared.site.stop();
  });
  beforeEach(async () => {
    await shared.context?.close();
    shared.site.fault = () => undefined;
    shared.site.requests = [];
    shared.context = await shared.browser.newContext(options);
  });
  return shared;
}

/** Runs `use` with a context of a browser without WebGPU. */
export async function withoutWebGpu(use, options = {}) {
  const plain = await launch({ webgpu: false });
  try {
    return await use(await plain.newContext(options));
  } finally {
    await plain.close();
  }
}

/** What the native program says. */
export function native(...args) {
  const out = execFileSync(process.env.THINKLING_BIN, [...args, "--json"], { cwd: root });
  return JSON.parse(out.toString().trim().split("\n").at(-1));
}

/** A page of the site that has the client as `thinkling`, and what it did not say by itself. */
export async function open(context, site) {
  const page = await context.newPage();
  page.on("pageerror", (error) => console.error("page error:", error.message));
  await page.goto(`${site.origin}/blank.html`);
  await page.evaluate(async () => {
    globalThis.thinkling = await import("/package/client.js");
  });
  return page;
}
