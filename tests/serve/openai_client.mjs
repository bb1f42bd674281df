// The official JavaScript client against the binary.
//
//     npm install openai                       # made with openai 6.49.0
//     cargo build --release
//     node tests/serve/openai_client.mjs target/release/thinkling

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const NAME = "owner/mini";
const KEY = "s3cret";
// The one template of both scripts.
const serving = readFileSync(join(ROOT, "tests/serve/serving.py"), "utf8");
const TEMPLATE = [...serving.split("TEMPLATE = (")[1].split("\n)")[0].matchAll(/"(.*)"/g)]
    .map((line) => line[1])
    .join("");

// From where it was installed: beside this file, or in the folder that one works in.
const require = createRequire(join(process.cwd(), "node_modules/"));
const { default: OpenAI } = await import(pathToFileURL(require.resolve("openai")).href);

async function withServer(binary, check) {
    const folder = mkdtempSync(join(tmpdir(), "thinkling-serve-"));
    const model = join(folder, "mini");
    cpSync(join(ROOT, "recipes/mini-world-base"), model, { recursive: true });
    writeFileSync(join(model, "tokenizer_config.json"), JSON.stringify({ chat_template: TEMPLATE }));
    const args = ["serve", "--model", model, "--name", NAME, "--port", "0", "--device", "cpu"];
    const env = { ...process.env, THINKLING_API_KEY: KEY };
    const server = spawn(binary, args, { env, stdio: ["ignore", "ignore", "pipe"] });
    const ended = new Promise((done) => server.on("exit", done));
    try {
        const url = await new Promise((found, failed) => {
            const lines = createInterface(server.stderr);
            lines.on("line", (line) => {
                const url = line.match(/on (http:\/\/\S+\/v1)/);
                if (url) found(url[1]);
            });
            lines.on("close", () => failed(new Error("the server did not start")));
        });
        await check(url);
        server.kill("SIGTERM");
        assert.equal(await ended, 0);
    } finally {
        server.kill("SIGKILL");
        rmSync(folder, { recursive: true });
    }
}

async function checkCompletions(client) {
    const asked = { model: NAME, prompt: "Compute 17+25", max_tokens: 24, temperature: 0, return_token_ids: true };
    const whole = await client.completions.create(asked);
    const [choice] = whole.choices;
    assert.equal(choice.token_ids.length, whole.usage.completion_tokens);
    let text = "";
    const ids = [];
    let usage;
    const options = { ...asked, stream: true, stream_options: { include_usage: true } };
    for await (const chunk of await client.completions.create(options)) {
        text += chunk.choices[0]?.text ?? "";
        ids.push(...(chunk.choices[0]?.token_ids ?? []));
        usage = chunk.usage ?? usage;
    }
    assert.deepEqual([text, ids, usage], [choice.text, choice.token_ids, whole.usage]);
}

async function checkChats(client) {
    const messages = [{ role: "user", content: "Compute 17+25" }];
    const asked = { model: NAME, messages, temperature: 0, max_completion_tokens: 80 };
    const { choices: [{ message }] } = await client.chat.completions.create(asked);
    assert.ok(message.reasoning_content && message.content);
    let reasoning = "";
    let content = "";
    for await (const chunk of await client.chat.completions.create({ ...asked, stream: true })) {
        reasoning += chunk.choices[0].delta.reasoning_content ?? "";
        content += chunk.choices[0].delta.content ?? "";
    }
    assert.deepEqual([reasoning, content], [message.reasoning_content, message.content]);
    const runner = client.chat.completions.stream(asked);
    assert.equal((await runner.finalChatCompletion()).choices[0].message.content, content);
}

async function checkErrors(client, baseURL) {
    const refused = (call, status) =>
        assert.rejects(call, (error) => error.status === status && Boolean(error.error.message));
    await refused(client.completions.create({ model: NAME, prompt: "1", max_tokens: 999 }), 400);
    await refused(client.completions.create({ model: "gpt-4", prompt: "1" }), 404);
    const other = new OpenAI({ baseURL, apiKey: "wrong", maxRetries: 0 });
    await refused(other.models.list(), 401);
}

async function checkLeaving(client) {
    const asked = { model: NAME, prompt: "1", max_tokens: 200, stream: true, ignore_eos: true };
    for await (const _ of await client.completions.create(asked)) break;
    const ask = (i) => client.completions.create({ model: NAME, prompt: `Compute ${i}+1`, max_tokens: 30, seed: i });
    const all = await Promise.all(Array.from({ length: 16 }, (_, i) => ask(i)));
    for (const [i, answer] of all.entries()) {
        assert.equal((await ask(i)).choices[0].text, answer.choices[0].text);
    }
}

await withServer(process.argv[2], async (baseURL) => {
    const client = new OpenAI({ baseURL, apiKey: KEY, maxRetries: 0 });
    assert.deepEqual((await client.models.list()).data.map((model) => model.id), [NAME]);
    await checkCompletions(client);
    await checkChats(client);
    await checkErrors(client, baseURL);
    await checkLeaving(client);
});
const { version } = JSON.parse(readFileSync(join(process.cwd(), "node_modules/openai/package.json"), "utf8"));
console.log(`openai ${version} (JavaScript): all as expected`);
