//! The plots that a report knows: which logged numbers they show, under which words and units.

use super::plot::Scale::{self, Free, FromZero, Percent, WholePercent};

/// A plot of logged numbers.
pub(super) struct Spec {
    pub(super) title: &'static str,
    pub(super) y: &'static str,
    pub(super) scale: Scale,
    /// Key in the metrics and name in the legend.
    pub(super) keys: &'static [(&'static str, &'static str)],
    pub(super) note: &'static str,
}

/// In the order in which a reader asks.
pub(super) const PLOTS: &[Spec] = &[
    Spec {
        title: "Accuracy and format",
        y: "share of completions, %",
        scale: WholePercent,
        keys: &[("accuracy", "right answer"), ("format", "format kept")],
        note: "Of the completions that the stage learns from.",
    },
    Spec {
        title: "Completion length",
        y: "tokens a completion, mean",
        scale: FromZero,
        keys: &[("length_tokens", "length")],
        note: "",
    },
    Spec {
        title: "Cut at the token limit",
        y: "share of completions, %",
        scale: Percent,
        keys: &[("truncated_share", "cut")],
        note: "",
    },
    Spec {
        title: "Reflective words",
        y: "words a completion, mean",
        scale: FromZero,
        keys: &[("reflective_words", "wait, mistake, verify, ..")],
        note: "",
    },
    Spec {
        title: "Completions that reflect",
        y: "share of completions, %",
        scale: Percent,
        keys: &[
            ("reflecting_share", "reflect"),
            ("reflecting_right_share", "reflect and end right"),
        ],
        note: "With a reflective word, such as after a try that failed.",
    },
    Spec {
        title: "Language consistency",
        y: "share of words, %",
        scale: WholePercent,
        keys: &[("language_consistency", "in the question's language")],
        note: "Of the words outside the answer, rewarded or not.",
    },
    Spec {
        title: "KL divergence from the reference",
        y: "nats a token",
        scale: FromZero,
        keys: &[("kl", "KL")],
        note: "",
    },
    Spec {
        title: "Entropy",
        y: "nats a token",
        scale: FromZero,
        keys: &[("entropy", "entropy")],
        note: "",
    },
    Spec {
        title: "Questions that the curriculum asks",
        y: "share of questions, %",
        scale: WholePercent,
        keys: &[("curriculum_share", "not passed over")],
        note: "",
    },
    Spec {
        title: "Groups that teach nothing",
        y: "share of groups, %",
        scale: WholePercent,
        keys: &[("zero_variance_share", "all rewards equal")],
        note: "",
    },
    Spec {
        title: "Clipped tokens",
        y: "share of tokens, %",
        scale: Percent,
        keys: &[("clip_fraction_low", "below"), ("clip_fraction_high", "above")],
        note: "",
    },
    Spec {
        title: "Sampler and trainer apart",
        y: "nats a token",
        scale: FromZero,
        keys: &[("logprob_gap_mean", "mean gap"), ("logprob_gap_max", "largest gap")],
        note: "Absolute difference of the log-probabilities of the same tokens.",
    },
    Spec {
        title: "Importance correction",
        y: "weight of a token",
        scale: FromZero,
        keys: &[("importance_weight", "mean weight"), ("logprob_ratio_mean", "mean ratio")],
        note: "",
    },
    Spec {
        title: "Importance weights cut",
        y: "share of tokens, %",
        scale: Percent,
        keys: &[("importance_capped", "cut")],
        note: "",
    },
    Spec {
        title: "Largest probability ratio",
        y: "new over old",
        scale: FromZero,
        keys: &[("ratio_max", "largest")],
        note: "",
    },
    Spec {
        title: "Loss",
        y: "loss",
        scale: Free,
        keys: &[("loss", "training"), ("eval_loss", "held out")],
        note: "",
    },
    Spec {
        title: "Token accuracy",
        y: "share of tokens, %",
        scale: WholePercent,
        keys: &[("eval_token_accuracy", "held out, likeliest token")],
        note: "",
    },
    Spec {
        title: "Gradient norm",
        y: "norm before clipping",
        scale: FromZero,
        keys: &[("grad_norm", "norm")],
        note: "",
    },
    Spec {
        title: "Learning rate",
        y: "learning rate",
        scale: FromZero,
        keys: &[("lr", "rate")],
        note: "",
    },
];

/// Plots whose keys depend on the recipe's rewards.
pub(super) const REWARDS: &[Spec] = &[
    Spec {
        title: "Reward",
        y: "reward a completion, mean",
        scale: Free,
        keys: &[],
        note: "Components without their weights.",
    },
    Spec {
        title: "Rewards beyond their bounds",
        y: "share of completions, %",
        scale: Percent,
        keys: &[],
        note: "",
    },
];

/// Plots of what several sources of questions have apart, by the prefix of their keys.
pub(super) const SOURCES: &[Spec] = &[
    Spec {
        title: "Accuracy by source",
        y: "share of completions, %",
        scale: WholePercent,
        keys: &[("accuracy/", "")],
        note: "",
    },
    Spec {
        title: "Completion length by source",
        y: "tokens a completion, mean",
        scale: FromZero,
        keys: &[("length_tokens/", "")],
        note: "",
    },
];
