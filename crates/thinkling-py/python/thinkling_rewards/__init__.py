"""Rule rewards for language models that reason.

For TRL's ``GRPOTrainer(reward_funcs=[accuracy(), format()])``: each factory makes a function that is
called as ``f(prompts=.., completions=.., completion_ids=.., **columns)`` and gives a list of floats, or
of None where a completion has nothing to be judged by.

For verl: ``compute_score``, in the file that ``thinkling_rewards.verl.__file__`` names.

``verify`` judges one answer and says why. docs/rewards.md of Thinkling has every rule.
"""

from ._native import (
    Judgement,
    RewardFunction,
    __version__,
    accuracy,
    compute_score,
    default_policy,
    format,
    language,
    length,
    overlong,
    reflection,
    repetition,
    verify,
)

__all__ = [
    "Judgement",
    "RewardFunction",
    "__version__",
    "accuracy",
    "compute_score",
    "default_policy",
    "format",
    "language",
    "length",
    "overlong",
    "reflection",
    "repetition",
    "verify",
]
