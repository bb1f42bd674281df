/**
 * R1-Zero in a page: a nano model learns the mini world by the GRPO code that trains natively, in a
 * worker of its own, on the visitor's GPU or CPU.
 */

export interface LearnOptions {
  /** Address of the folder with `config.json`, `tokenizer.json` and `model.safetensors`. */
  model: string | URL;
  /** `auto` (also where left out): one measured step on each decides. */
  device?: "auto" | "gpu" | "cpu";
  /** Of problems and draws (1). */
  seed?: number;
  onNotice?: (notice: LearnNotice) => void;
}

/** What is going on while a learner is made. */
export interface LearnNotice {
  kind: "measuring-cpu" | "measuring-gpu";
  /** In English, for people. */
  message: string;
}

/** Why it learns on that device. Seconds are those of a step. */
export type DeviceReason = {
  /** All of it in English, for people. */
  message: string;
} & (
  | { code: "asked" | "no-gpu" | "gpu-failed" }
  | { code: "measured"; gpuSeconds: number; cpuSeconds: number }
  /** The GPU was not ready after so many seconds, or a step took longer than that. */
  | { code: "gpu-late" | "gpu-slow"; limitSeconds: number; cpuSeconds: number }
  /** Largest difference of two logits from the CPU's (null where it is no number), and what is let
   * pass. */
  | { code: "self-test"; difference: number | null; tolerance: number }
);

export interface LearnerInfo {
  parameters: number;
  device: { kind: "gpu" | "cpu"; name: string; reason: DeviceReason };
  /** Seconds of the measured steps, where they were made. */
  stepSeconds: { gpu: number | null; cpu: number | null };
  questionsPerStep: number;
  groupSize: number;
  maxTokens: number;
}

/** One completion of the group that is shown. */
export interface ShownCompletion {
  text: string;
  reward: number;
  /** `(reward - mean) / std` within the group. */
  advantage: number;
  verdict: "correct" | "wrong" | "unverifiable";
  tokens: number;
  truncated: boolean;
}

/** What a step did; means are over its completions, before the update. */
export interface StepReport {
  step: number;
  reward: number;
  accuracy: number;
  format: number;
  /** Tokens of a completion. */
  length: number;
  /** Share of groups whose rewards are all alike, from which nothing is learnt. */
  zeroVariance: number;
  loss: number;
  gradNorm: number;
  entropy: number;
  seconds: number;
  group: { question: string; gold: string; completions: ShownCompletion[] };
  /** Something that visitors should know, in English too. */
  alarm: { code: "not-finite" | "collapsed" | "no-variance"; message: string } | null;
}

export interface Evaluation {
  /** Over problems of the test split, which are never trained on. */
  accuracy: number;
  format: number;
  length: number;
  problems: number;
}

export interface Answer {
  text: string;
  reward: number;
  verdict: "correct" | "wrong" | "unverifiable";
}

export class Learner {
  private constructor();
  readonly info: LearnerInfo;
  /** Learns until `pause`, or for so many steps; `onStep` sees each. Resolves when it stands still. */
  start(onStep: (report: StepReport) => void, steps?: number): Promise<void>;
  /** Stops after the step that runs. */
  pause(): Promise<void>;
  /** Begins again with the base. */
  reset(): Promise<void>;
  /** Accuracy of the base, or as it is now, on so many unseen problems at temperature 1. */
  evaluate(which: "base" | "now", problems: number): Promise<Evaluation>;
  /** A problem of the test split, answered greedily by both. */
  compare(seed: number): Promise<{ question: string; gold: string; base: Answer; now: Answer }>;
  /** The weights as they are now, as `model.safetensors`. */
  exportWeights(): Promise<Uint8Array>;
  dispose(): void;
}

export function createLearner(options: LearnOptions): Promise<Learner>;
