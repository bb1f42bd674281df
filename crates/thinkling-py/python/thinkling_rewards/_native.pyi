"""The compiled module; import from ``thinkling_rewards``."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict, final

_Kind = Literal["math", "number", "choice", "countdown", "exact"]
_Template = Literal["none", "r1-zero", "boxed"]
_FormatRule = Literal["strict", "think-only", "tag-count"]
_GoldErrors = Literal["raise", "skip"]
_PolicyValue = bool | int | str
_Message = Mapping[str, Any]

class _Countdown(TypedDict):
    """The gold of a countdown."""

    target: int | str
    numbers: Sequence[int]

__all__ = [
    "Judgement",
    "RewardFunction",
    "__version__",
    "_restore",
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

__version__: str

@final
class RewardFunction:
    """A reward function as TRL calls it; it can be pickled."""

    @property
    def __name__(self) -> str:
        """What TRL logs it by."""

    def __call__(
        self,
        completions: Sequence[str] | Sequence[Sequence[_Message]],
        *,
        completion_ids: Sequence[Sequence[int]] | None = None,
        **columns: Any,
    ) -> list[float | None]:
        """Rewards of a batch: a float for each completion, or None where there is nothing to judge by.

        Of a list of messages the last one by the assistant counts; its ``reasoning_content``, where it
        has one, stands between ``<think>`` and ``</think>``. ``columns`` are the data set's, each as
        long as ``completions``; what is not needed is ignored.

        Raises TypeError or ValueError where a value cannot be read, with its place.
        """

@final
class Judgement:
    """What ``verify`` says of an answer."""

    @property
    def verdict(self) -> Literal["correct", "wrong", "unverifiable"]: ...
    @property
    def reward(self) -> float:
        """1.0 where it is correct, else 0.0."""

    @property
    def extracted(self) -> str | None:
        """The answer as read, where there is one."""

    @property
    def reason(self) -> str | None:
        """Why it is not correct, in words, where there is more to say."""

def accuracy(
    *,
    column: str | None = None,
    kind: _Kind = "math",
    template: _Template = "none",
    policy: Mapping[str, _PolicyValue] | None = None,
    numbers_column: str | None = None,
    gold_errors: _GoldErrors = "raise",
    name: str | None = None,
) -> RewardFunction:
    """1.0 where the answer of a completion is right, else 0.0.

    ``column`` holds the golds; by default the first there is of answer, solution, gold, ground_truth
    (countdown: target, goal, answer, and numbers or nums). A gold may be a whole solution that ends in
    ``#### 72`` or has a box. Where it is None the reward is None.
    """

def format(
    *, rule: _FormatRule = "strict", inside_think: bool = False, name: str | None = None
) -> RewardFunction:
    """Whether a completion keeps the tags.

    ``inside_think``: the prompt already ends with ``<think>``.
    """

def language(
    target: str | None = None,
    *,
    column: str | None = None,
    part: Literal["reasoning", "whole"] = "reasoning",
    name: str | None = None,
) -> RewardFunction:
    """The share of words in one language, by its ISO 639-1 code, or by a column of codes."""

def repetition(
    *, ngram: int = 40, max_penalty: float = -1.0, name: str | None = None
) -> RewardFunction:
    """``max_penalty`` times the share of words inside an n-gram that stood there before."""

def reflection(*, name: str | None = None) -> RewardFunction:
    """How many reflective words there are; to be logged with weight 0."""

def length(
    max_tokens: int,
    *,
    correct_at_zero: float = 2.0,
    correct_at_max: float = 1.0,
    wrong_at_zero: float = -10.0,
    wrong_at_max: float = 0.0,
    exceeded: float = -10.0,
    column: str | None = None,
    kind: _Kind = "math",
    template: _Template = "none",
    policy: Mapping[str, _PolicyValue] | None = None,
    numbers_column: str | None = None,
    gold_errors: _GoldErrors = "raise",
    name: str | None = None,
) -> RewardFunction:
    """Accuracy scaled by the cosine of the completion's tokens (arXiv 2502.03373)."""

def overlong(max_tokens: int, cache_tokens: int, *, name: str | None = None) -> RewardFunction:
    """0.0, falling to -1.0 over the last ``cache_tokens`` before ``max_tokens`` (arXiv 2503.14476)."""

def compute_score(
    data_source: str | None,
    solution_str: str,
    ground_truth: str | int | _Countdown,
    extra_info: Mapping[str, Any] | None = None,
    *,
    kind: _Kind | None = None,
    template: _Template | None = None,
    policy: Mapping[str, _PolicyValue] | None = None,
) -> float:
    """verl's reward: 1.0 where the answer is right, else 0.0.

    ``data_source`` decides what an answer is; the keywords override it, and what
    ``extra_info["thinkling"]`` has under the same names overrides both.
    """

def verify(
    gold: str | int | _Countdown,
    prediction: str,
    *,
    kind: _Kind = "math",
    template: _Template = "none",
    policy: Mapping[str, _PolicyValue] | None = None,
) -> Judgement:
    """Whether one answer is right, what was read, and why it is not correct."""

def default_policy() -> dict[str, _PolicyValue]:
    """The conventions of ``math`` and ``choice`` with their defaults."""

def _restore(kept: str) -> RewardFunction:
    """What pickle makes a reward function of again."""
