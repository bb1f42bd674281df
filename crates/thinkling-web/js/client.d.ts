/**
 * Small reasoners in a page: a model is loaded into a worker of its own, thinks on the visitor's GPU
 * (or CPU, where there is no WebGPU), and its answers are checked by the rules that trained it.
 *
 * Nothing here blocks the page: every call is a message to the worker.
 */

/** Where a model comes from.
 * - an address: of a `manifest.json` (what `thinkling export --format web` writes), of a GGUF file,
 *   or of a folder (ending in `/`) with `config.json`, `tokenizer.json` and `model.safetensors`;
 * - files of the visitor's: one GGUF, or the files of a Hugging Face folder;
 * - the bytes of a GGUF file.
 */
export type ModelSource = string | URL | File | File[] | Uint8Array;

export interface LoadOptions {
  /** `auto` (also where left out): a GPU if there is a fit one, else the CPU. */
  device?: "auto" | "gpu" | "cpu";
  /** Whether what is downloaded is kept for the next visit; it is, unless this is false. */
  cache?: boolean;
  /** Completions that run at once at most (8). */
  rows?: number;
  /** Tokens of a conversation at most; the model's own limit, and 4096, where it is left out. */
  context?: number;
  onProgress?: (progress: LoadProgress) => void;
  /** What the visitor may want to know while the model is in use: a lost device, a full cache. */
  onNotice?: (notice: Notice) => void;
  /** Breaks off the download; what has come is kept and gone on with next time. */
  signal?: AbortSignal;
}

export interface LoadProgress {
  stage: "wait" | "download" | "verify" | "upload";
  /** Bytes done and to do; `total` is 0 where it is not known. */
  done: number;
  total: number;
  /** Whether the bytes come from the cache. */
  cached: boolean;
}

export interface Notice {
  kind:
    | "no-webgpu"
    | "self-test-failed"
    | "device-lost"
    | "device-restored"
    | "not-cached"
    | "cache-corrupted"
    | "download-resumed"
    | "download-restarted";
  /** In English, for people. */
  message: string;
  /** With `no-webgpu` and `self-test-failed`, and where a lost GPU did not come back. */
  reason?: DeviceReason;
}

/** Why a model runs on the CPU. */
export type DeviceReason = {
  /** All of it in English, for people. */
  message: string;
} & (
  /** No GPU that can be opened; one that computes on the CPU itself; one that failed while the model
   * was put on it; one that was lost and did not come back. */
  | { code: "no-gpu" | "software-gpu" | "gpu-failed" | "gpu-lost" }
  /** Largest difference of two logits from the CPU's as a share of the largest logit (null where it is
   * no number), and what is let pass. */
  | { code: "self-test"; share: number | null; tolerance: number }
  /** Of what it has too little, in English, what is needed and what it has. */
  | { code: "gpu-limit"; what: string; expected: number; got: number }
);

export interface ModelInfo {
  /** Of the manifest or the file. */
  name: string;
  architecture: "llama" | "qwen2" | "qwen3";
  parameters: number;
  layers: number;
  vocabSize: number;
  /** Tokens of a sequence at most. */
  context: number;
  /** Bytes of the weights as they are kept, and in which formats, e.g. `["Q8_0", "F32"]`. */
  weightBytes: number;
  formats: string[];
  device: {
    kind: "gpu" | "cpu";
    /** Of the adapter, or `CPU (SIMD)`. */
    name: string;
    /** Why it is not the GPU, where it is not. */
    reason: DeviceReason | null;
  };
  /** Bytes of GPU buffers; 0 on the CPU. */
  gpuBytes: number;
  /** Largest size of the worker's WebAssembly memory so far. */
  wasmBytes: number;
  /** Whether it has a chat template. */
  hasChatTemplate: boolean;
  /** Which template its prompts have had in training, where the manifest says so. */
  template: Template | null;
  /** Which format its training has rewarded, where the manifest says so. */
  formatRule: FormatRule | null;
  loadSeconds: number;
}

/** `none`: the text as it is; `r1-zero`: the fixed template of R1-Zero around a question; `chat`: the
 * model's own chat template around a user's message. */
export type Template = "none" | "r1-zero" | "chat";

/** `strict`: R1-Zero's four tags, each once, in order, with nothing outside; `tag-count`: a quarter for
 * each of them that stands once; `think-only`: thinking between its tags, then a reply, as R1 has it. */
export type FormatRule = "strict" | "tag-count" | "think-only";

export interface Sampling {
  /** 0 is greedy. 1 where it is left out. */
  temperature?: number;
  topK?: number;
  topP?: number;
  minP?: number;
  /** A whole number below 2^53; with it, the tokens are those of the native program. 0. */
  seed?: number;
  /** Tokens of a completion at most (256). */
  maxTokens?: number;
  /** Whether to tell what the rules see in each completion while it is drawn, and how (false). For the
   * first such request of a model a table of its vocabulary is made: about a second for 50,000 tokens. */
  meter?: boolean | MeterOptions;
}

export interface GenerateRequest extends Sampling {
  /** Text, or token ids, which are taken as they are. */
  prompt: string | number[];
  /** `none` where it is left out. */
  template?: Template;
  /** Completions (1); completion `i` draws from the random stream `i`. */
  n?: number;
}

export interface MeterOptions {
  /** Whose share of words is told (`en`, `zh`, ..); the language of most words of the question where
   * it is left out. */
  language?: string;
  /** Words of an n-gram whose repetition is told (40, as the repetition reward has it). */
  ngram?: number;
  /** Which format is told of; where it is left out, the model's `formatRule`, else `strict`. */
  formatRule?: FormatRule;
}

/** What the rules of rewards see in a completion so far, counted from its token ids, without its text:
 * on the GPU that draws them, or on the CPU. The rules over the text, `judge`, decide the reward. */
export interface Meter {
  /** Tokens that were counted. */
  tokens: number;
  /** How often `<think>`, `</think>`, `<answer>`, `</answer>` stand in it. */
  tags: [number, number, number, number];
  /** Where it ends. */
  region: "outside" | "think" | "answer";
  /** Whether it keeps the format, as it is now. */
  format: boolean;
  /** Words outside the answer. */
  words: number;
  /** Share of them in the language, from 0 to 1; null without words or without a language. */
  language: number | null;
  /** Share of words and signs inside an n-gram that stood there before. */
  repetition: number;
  /** Words such as "wait" or "check". */
  reflectiveWords: number;
}

export interface Token {
  /** Which of the `n` completions, from 0. */
  completion: number;
  id: number;
  /** Nats, at the request's temperature, before the filters (at temperature 1 when greedy). */
  logprob: number;
  /** What this token adds to the text; may be empty where it ends within a character. */
  text: string;
  /** The same as the visitor should see it: tags that open or close a block are taken out, and a few
   * bytes may be held back until it is known that they are none. */
  parts: Part[];
  /** With the last token of a completion. `abort`: see `signal`. */
  finish: "stop" | "length" | null;
  /** Where it was asked for: about twenty times a second, and with the last token. */
  meter?: Meter;
}

export interface Part {
  kind: "reasoning" | "content" | "other";
  text: string;
}

export interface Completion {
  ids: number[];
  logprobs: number[];
  /** All of the text without the end-of-sequence token, tags included: what is judged. */
  text: string;
  /** Between the tags of thinking. */
  reasoning: string;
  /** The answer: between its tags, or what follows the thinking. */
  content: string;
  finish: "stop" | "length" | "abort";
  /** All of it, where it was asked for. */
  meter?: Meter;
}

export interface GenerateResult {
  promptIds: number[];
  completions: Completion[];
  timing: {
    /** From the request to the first token. */
    firstTokenSeconds: number;
    seconds: number;
    promptTokens: number;
    /** Prompt tokens whose keys and values were kept from the turn before. */
    keptTokens: number;
    tokens: number;
    /** After the first token, all completions together. */
    tokensPerSecond: number;
  };
}

export interface ChatMessage {
  role: "system" | "user" | "assistant";
  content: string;
}

export interface ChatRequest extends Sampling {
  messages: ChatMessage[];
}

/** A chunk as OpenAI's API streams it, with thinking apart, as DeepSeek's API has it. */
export interface ChatChunk {
  id: string;
  object: "chat.completion.chunk";
  created: number;
  model: string;
  choices: [
    {
      index: 0;
      delta: { role?: "assistant"; content?: string; reasoning_content?: string };
      logprobs: { content: { token: string; logprob: number }[] } | null;
      finish_reason: "stop" | "length" | null;
    },
  ];
  /** Beside what OpenAI's API has, where it was asked for. */
  meter?: Meter;
}

/** A problem with its gold answer, as in the data sets of `thinkling train`. */
export interface Problem {
  id?: string;
  question: string;
  task:
    | { kind: "number" | "math" | "choice" | "exact"; gold: string }
    | { kind: "countdown"; numbers: number[]; target: string };
  /** Of the question, which the answer should keep: `en`, `zh`, .. */
  language?: string;
}

export interface Judgement {
  verdict: "correct" | "wrong" | "unverifiable";
  /** The sum of the components' values times their weights. */
  total: number;
  components: { name: string; value: number; weight: number }[];
  /** The answer as it was read. */
  extracted: string | null;
  /** Why, in words. */
  reason: string | null;
  /** Share of words in the problem's language, where both have one; also where it earns nothing. */
  language: number | null;
}

export interface JudgeOptions {
  /** What the completion should look like; `r1-zero` where it is left out. */
  template?: "none" | "r1-zero" | "boxed";
  /** How the format is read where the template asks for one; `strict` where it is left out. */
  formatRule?: FormatRule;
  /** Whether it was cut: then it earns nothing. */
  truncated?: boolean;
}

/** What GRPO would learn from: `(reward - mean) / std` within the group (arXiv 2402.03300, 4.1.1). */
export interface GroupAdvantages {
  mean: number;
  std: number;
  advantages: number[];
}

export interface TokenLogprobs {
  ids: number[];
  /** Text of each token. */
  tokens: string[];
  /** Of each token after the first, nats. */
  logprobs: number[];
}

/** A rule of `thinkling score` and its fields, as in the package `thinkling-reward`. */
export type ScoreKind =
  | "math" | "choice" | "countdown" | "format" | "language" | "reflection" | "repetition";

export interface ScoredLine {
  id: unknown;
  verdict: "correct" | "wrong" | "unverifiable" | "gold_error" | "error";
  reward: number;
  extracted: string | null;
  reason: string | null;
}

/** A loaded model in its worker. One call runs at a time; others wait their turn. */
export class Model {
  private constructor();
  readonly info: ModelInfo;
  /** Completes a prompt `n` times; `onToken` sees each token as it is drawn.
   *
   * `signal` ends all completions within a token: the promise resolves with what there is, `finish`
   * being `abort`. Rejects with an `Error` that says what was wrong with the request. */
  generate(
    request: GenerateRequest,
    onToken?: (token: Token) => void,
    signal?: AbortSignal,
  ): Promise<GenerateResult>;
  /** Answers a conversation. Keys and values of what the last turn already had are kept. */
  chat(
    request: ChatRequest,
    onChunk?: (chunk: ChatChunk) => void,
    signal?: AbortSignal,
  ): Promise<GenerateResult>;
  /** Judges a completion of a problem by the rewards of training. */
  judge(problem: Problem, completion: string, options?: JudgeOptions): Promise<Judgement>;
  /** Scores by one rule: `model.score("math", { gold: "1/2", prediction: "0.5" })`. */
  score(
    kind: ScoreKind,
    line: Record<string, unknown>,
    options?: Pick<JudgeOptions, "template" | "formatRule">,
  ): Promise<ScoredLine>;
  advantages(rewards: number[]): Promise<GroupAdvantages>;
  /** Log-probability of each token of a text, or of token ids. */
  logprobs(text: string | number[]): Promise<TokenLogprobs>;
  /** Loses the GPU's device as a driver's crash would; what runs goes on after it. For tests. */
  loseDevice(): Promise<void>;
  /** Ends the worker and frees everything. Calls that run reject. */
  dispose(): void;
}

/** Loads a model into a new worker. */
export function load(source: ModelSource, options?: LoadOptions): Promise<Model>;

export interface CacheEntry {
  /** What `deleteCached` takes. */
  key: string;
  /** Address of the model. */
  url: string;
  /** Bytes that are there, and that there should be. */
  bytes: number;
  total: number;
}

/** Models that are kept in this browser. */
export function cached(): Promise<CacheEntry[]>;

/** Deletes a model that is kept, or all of them. */
export function deleteCached(key?: string): Promise<void>;
