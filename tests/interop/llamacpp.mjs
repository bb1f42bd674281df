// What llama.cpp makes of GGUF files that `thinkling export --format gguf` wrote of SmolLM2-135M-Instruct.
//
//   node llamacpp.mjs GOLDEN F32.gguf [OTHER.gguf ..]
//
// GOLDEN has transformers' greedy continuations with log-probabilities. From the first file, whose weights
// are f32, llama.cpp has to tokenize as transformers does and to prefer the same token at each step, unless
// the two best ones are a near tie there. Of every file the difference in log-probability of those tokens is
// printed: of quantised files it is the quantisation's and llama.cpp's own, which rounds what it multiplies.
import fs from "node:fs";
import path from "node:path";
import { getLlama, LlamaLogLevel } from "node-llama-cpp";

/** Below this margin between transformers' two best tokens, in nats, a step may differ. */
const NEAR_TIE = 0.02;
/** Most difference in log-probability with f32 weights; attention of llama.cpp sums in another order. */
const TOLERANCE = 5e-3;

const [golden, ...files] = process.argv.slice(2);
const { cases, tokenizer_cases } = JSON.parse(fs.readFileSync(golden, "utf8"));
const llama = await getLlama({ gpu: false, build: "never", logLevel: LlamaLogLevel.error });
const failures = [];

/** Log-probabilities of `ids` after `prompt`, and the best token of each step. */
async function forced(sequence, prompt, ids) {
    await sequence.clearHistory();
    const tokens = [...prompt, ...ids.slice(0, -1)];
    const last = prompt.length - 1;
    const input = tokens.map((token, i) =>
        i < last ? token : [token, { generateNext: { probabilities: true } }],
    );
    const output = await sequence.controlledEvaluate(input);
    return ids.map((id, step) => {
        const { probabilities } = output[last + step].next;
        const [best] = probabilities.keys();
        return { best, logprob: Math.log(probabilities.get(id)) };
    });
}

for (const [index, file] of files.entries()) {
    const exact = index === 0;
    const model = await llama.loadModel({ modelPath: file });
    const context = await model.createContext({
        contextSize: 512,
        flashAttention: false,
        experimentalKvCacheKeyType: "F32",
        experimentalKvCacheValueType: "F32",
    });
    const sequence = context.getSequence();
    let [steps, equal, sum, worst] = [0, 0, 0, 0];
    for (const [number, example] of cases.entries()) {
        if (exact && example.prompt !== undefined) {
            const got = model.tokenize(example.prompt, true);
            if (String(got) !== String(example.prompt_ids)) {
                failures.push(`case ${number} is cut into ${got}, expected: ${example.prompt_ids}`);
            }
        }
        const seen = await forced(sequence, example.prompt_ids, example.greedy_ids);
        for (const [step, { best, logprob }] of seen.entries()) {
            const margin = example.top1_top2_margin[step];
            const same = best === example.greedy_ids[step];
            if (exact && !same && margin >= NEAR_TIE) {
                failures.push(`case ${number}, step ${step}: ${best}, margin ${margin}`);
            }
            const difference = Math.abs(logprob - example.greedy_logprobs[step]);
            [steps, equal, sum] = [steps + 1, equal + Number(same), sum + difference];
            worst = Math.max(worst, difference);
        }
    }
    if (exact) {
        for (const { text, ids } of tokenizer_cases) {
            const got = model.tokenize(text, true);
            if (String(got) !== String(ids)) failures.push(`${JSON.stringify(text)}: ${got}, expected: ${ids}`);
        }
        if (!(worst <= TOLERANCE)) failures.push(`log-probabilities differ by ${worst} with f32 weights`);
        if (!model.fileInfo.metadata.tokenizer.chat_template?.includes("<|im_start|>")) {
            failures.push("the chat template is missing");
        }
    }
    console.log(
        `${path.basename(file)}: ${equal} of ${steps} greedy tokens are transformers'; ` +
            `log-probabilities differ by ${(sum / steps).toExponential(1)} on average, ` +
            `${worst.toExponential(1)} at most`,
    );
    await context.dispose();
    await model.dispose();
}
for (const failure of failures) console.error(failure);
process.exit(failures.length > 0 ? 1 : 0);
