"""Compares thinkling_rewards with the command `thinkling score`, on the same lines, and tries what a
caller may get wrong.

usage: THINKLING_BIN=target/release/thinkling python check_rewards.py   (`cargo xtask wheel` does it)
"""

import ast
import importlib.util
import inspect
import json
import os
import pickle
import subprocess
import sys
import threading
import time
from pathlib import Path

import thinkling_rewards as rewards
import thinkling_rewards.verl
from thinkling_rewards import compute_score

ROOT = Path(__file__).resolve().parents[2]
TABLES = ROOT / "crates/thinkling-reward/tests/it"
BINARY = os.environ.get("THINKLING_BIN", str(ROOT / "target/release/thinkling"))


def jsonl(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def score(kind, lines, *options):
    """What the command says of lines."""
    text = "".join(json.dumps(line) + "\n" for line in lines)
    call = [BINARY, "score", kind, *options]
    done = subprocess.run(call, input=text, capture_output=True, encoding="utf-8", check=True)
    answers = [json.loads(line) for line in done.stdout.split("\n") if line]
    assert len(answers) == len(lines)
    return answers


def same(what, got, expected):
    assert len(got) == len(expected), f"{what}: {len(got)} values for {len(expected)} lines"
    for at, (a, b) in enumerate(zip(got, expected)):
        assert a == b, f"{what}, line {at}: the wheel says {a}, the command {b}"
    print(f"{what}: {len(got)} values equal, {sum(1 for x in got if x)} of them not 0")


def cases():
    """The lines of the crate's own tests by kind and template, without those that are no plain line."""
    found = {}
    for row in jsonl(TABLES / "table.jsonl"):
        line = row.get("line")
        plain = {"gold", "prediction", "text", "target", "numbers", "goal"}
        if line and set(line) <= plain and ("prediction" in line or "text" in line):
            found.setdefault((row["kind"], row.get("template", "none")), []).append(line)
    for row in jsonl(TABLES / "math_cases.jsonl"):
        line = {key: row[key] for key in ("gold", "prediction")}
        for template in ("none", "boxed"):
            found.setdefault(("math", template), []).append(line)
    return found


def answers_are_judged_as_by_the_command():
    for (kind, template), lines in sorted(cases().items()):
        if "prediction" not in lines[0]:
            continue
        answers = score(kind, lines, "--template", template)
        # Golds that cannot be read are told of by the command, and skipped here.
        expected = [None if a["verdict"] == "gold_error" else a["reward"] for a in answers]
        function = rewards.accuracy(kind=kind, template=template, gold_errors="skip")
        columns = {"gold": [line.get("gold") for line in lines]}
        if kind == "countdown":
            columns = {
                "goal": [line["goal"] for line in lines],
                "nums": [line["numbers"] for line in lines],
            }
        predictions = [line["prediction"] for line in lines]
        got = function(prompts=[""] * len(lines), completions=predictions, completion_ids=None, **columns)
        same(f"accuracy, {kind}, {template}", got, expected)

        verdicts = [a["verdict"] for a in answers]
        for line, answer, verdict in zip(lines, answers, verdicts):
            gold = line.get("gold")
            if kind == "countdown":
                gold = {"target": line["goal"], "numbers": line["numbers"]}
            if verdict in ("gold_error", "error"):
                continue
            judged = rewards.verify(gold, line["prediction"], kind=kind, template=template)
            said = (judged.verdict, judged.reward, judged.extracted, judged.reason)
            wanted = (verdict, answer["reward"], answer["extracted"], answer["reason"])
            assert said == wanted, f"{line}: {said}, expected {wanted}"


def texts():
    lines = [line for (kind, _), lines in cases().items() for line in lines if "text" in line]
    found = [line["text"] for line in lines]
    found += [row["text"] for row in jsonl(TABLES / "format_cases.jsonl") if "text" in row]
    found += [row["prediction"] for row in jsonl(TABLES / "math_cases.jsonl")[:2000]]
    return found + ["so it goes. " * 60, "<think> wait, wait </think> <answer> 4 </answer>"]


def texts_are_measured_as_by_the_command():
    completions = texts()
    lines = [{"text": text} for text in completions]
    rewarded = lambda *call: [answer["reward"] for answer in score(*call)]
    for rule in ("strict", "think-only", "tag-count"):
        got = rewards.format(rule=rule)(completions=completions)
        same(f"format, {rule}", got, rewarded("format", lines, "--rule", rule))
    for target in ("en", "zh", "fr"):
        got = rewards.language(target, part="whole")(completions=completions)
        told = [{"text": text, "target": target} for text in completions]
        same(f"language, {target}", got, rewarded("language", told))
    targets = [("en", "zh")[at % 2] for at in range(len(completions))]
    got = rewards.language(part="whole")(completions=completions, language=targets)
    told = [{"text": text, "target": target} for text, target in zip(completions, targets)]
    same("language, by a column", got, rewarded("language", told))
    same("reflection", rewards.reflection()(completions=completions), rewarded("reflection", lines))
    # The command gives 1 less the share; a reward is max_penalty times the share.
    got = [1.0 + value for value in rewards.repetition()(completions=completions)]
    expected = rewarded("repetition", lines)
    assert all(abs(a - b) < 1e-15 for a, b in zip(got, expected))
    print(f"repetition: {len(got)} values equal, {sum(1 for x in got if x < 1)} of them below 1")


def the_reasoning_is_all_outside_the_answer():
    text = "<think> Twenty and 所以 </think> <answer> 四十二 </answer>"
    assert rewards.language("en")(completions=[text]) == [0.5]


def messages_are_read_by_the_last_of_the_assistant():
    strict = "<think> a </think> <answer> 4 </answer>"
    conversations = [
        [{"role": "assistant", "content": strict}],
        [{"content": strict}],
        [{"role": "assistant", "content": None}, {"role": "tool", "content": "9"},
         {"role": "assistant", "content": strict}, {"role": "user", "content": "thanks"}],
        [{"role": "assistant", "reasoning_content": " a ", "content": "<answer> 4 </answer>"}],
        [{"role": "assistant", "content": [{"type": "text", "text": "<think> a </think>"},
                                           {"type": "text", "text": "<answer> 4 </answer>"}]}],
        [{"role": "user", "content": strict}],
        [],
    ]
    expected = [1.0] * 5 + [0.0] * 2
    assert rewards.format()(prompts=None, completions=conversations) == expected
    accuracy = rewards.accuracy()(completions=conversations, answer=["4"] * 7, question=["?"] * 7)
    assert accuracy == expected, accuracy


def golds_come_as_data_sets_have_them():
    accuracy = rewards.accuracy()
    completions = [r"\boxed{72}"] * 4
    solutions = ["Natalia sold 48/2 = 24. #### 72", r"so $\boxed{72}$", 72, None]
    assert accuracy(completions=completions, solution=solutions) == [1.0, 1.0, 1.0, None]
    # Of two columns the answer is taken, and any by its name.
    assert accuracy(completions=["4"], solution=["5"], answer=["4"]) == [1.0]
    assert rewards.accuracy(column="mine")(completions=["4"], answer=["5"], mine=["4"]) == [1.0]
    assert accuracy(completions=[], answer=[]) == []


def tokens_are_counted():
    completions, answer = ["4", "5", "4"], ["4", "4", "4"]
    ids = [[1] * 0, [1] * 50, [1] * 100]
    got = rewards.length(100)(completions=completions, completion_ids=ids, answer=answer)
    assert got == [2.0, -5.0, -10.0], got
    assert rewards.overlong(100, 50)(completions=completions, completion_ids=ids) == [0.0, 0.0, -1.0]


def names_are_those_of_logs():
    for function, name in [
        (rewards.accuracy(), "accuracy"),
        (rewards.accuracy(kind="choice"), "accuracy_choice"),
        (rewards.accuracy(kind="choice", name="letters"), "letters"),
        (rewards.format(), "format"),
        (rewards.format(rule="think-only"), "format_think_only"),
        (rewards.format(rule="tag_count"), "format_tag_count"),
        (rewards.language("zh-Hans"), "language_zh"),
        (rewards.language(column="lang"), "language"),
        (rewards.repetition(), "repetition"),
        (rewards.reflection(), "reflection"),
        (rewards.length(9), "length"),
        (rewards.overlong(9, 3), "overlong"),
    ]:
        assert function.__name__ == name, (function, name)
        again = pickle.loads(pickle.dumps(function))
        assert again == function and hash(again) == hash(function) and again.__name__ == name
        assert function.__doc__ and name in repr(function)
    pickle.loads(pickle.dumps(compute_score))


def verl_asks_by_data_source():
    countdown = {"target": 30, "numbers": [16, 15, 1]}
    for data_source, solution, gold, expected in [
        ("openai/gsm8k", "#### 72", "72", 1.0),
        ("lighteval/MATH", r"\boxed{\frac12}", "0.5", 1.0),
        ("aime_2024", r"\boxed{71}", 72, 0.0),
        ("countdown", "<think> .. </think> <answer> 16 + 15 - 1 </answer>", countdown, 1.0),
        ("countdown", "<answer> 16 + 15 </answer>", countdown, 0.0),
        ("Idavidrein/gpqa", "The answer is (B).", "B", 1.0),
        ("Idavidrein/gpqa", "The answer is (C).", "B", 0.0),
    ]:
        call = dict(data_source=data_source, solution_str=solution, ground_truth=gold, extra_info={"index": 1})
        got = compute_score(**call)
        assert isinstance(got, float) and got == expected, (call, got)
        assert compute_score(data_source, solution, gold) == expected
    # As verl loads custom_reward_function.path.
    spec = importlib.util.spec_from_file_location("custom_module", thinkling_rewards.verl.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.compute_score("openai/gsm8k", "#### 72", "72", {}) == 1.0
    own = {"thinkling": {"kind": "exact", "template": "r1-zero", "policy": None}, "split": "train"}
    assert compute_score("gsm8k", "<answer>knave</answer>", "knave", own) == 1.0
    assert compute_score("mine", "28%", "0.28", kind="math") == 1.0
    assert compute_score("mine", "28%", "0.28", kind="math", policy={"percent_is_fraction": False}) == 0.0
    # The problem has the last word.
    assert compute_score("mine", "4", "4", own, kind="math") == 0.0


def mistakes_are_exceptions_in_words():
    accuracy = rewards.accuracy()
    for error, words, call in [
        (ValueError, ["kind", "maths", "countdown"], lambda: rewards.accuracy(kind="maths")),
        (ValueError, ["template", "zero", "r1-zero"], lambda: rewards.accuracy(template="zero")),
        (ValueError, ["policy", "wholly"], lambda: rewards.accuracy(policy={"wholly": True})),
        (ValueError, ["policy", "boolean"], lambda: rewards.accuracy(policy={"whole": 1})),
        (TypeError, ["policy", "dict", "list"], lambda: rewards.accuracy(policy=[])),
        (TypeError, ["colunm"], lambda: rewards.accuracy(colunm="a")),
        (ValueError, ["gold_errors", "ignore"], lambda: rewards.accuracy(gold_errors="ignore")),
        (ValueError, ["name"], lambda: rewards.accuracy(name=" ")),
        (TypeError, ["accuracy()", "not accuracy"], lambda: rewards.accuracy(prompts=[], completions=[])),
        (ValueError, ["rule", "loose", "think-only"], lambda: rewards.format(rule="loose")),
        (ValueError, ["language", "xx", "zh"], lambda: rewards.language("xx")),
        (ValueError, ["target", "column"], lambda: rewards.language("en", column="l")),
        (ValueError, ["max_penalty", "nan"], lambda: rewards.repetition(max_penalty=float("nan"))),
        (ValueError, ["max_tokens"], lambda: rewards.length(0)),
        (ValueError, ["cache_tokens", "10"], lambda: rewards.overlong(10, 11)),
        (OverflowError, ["negative"], lambda: rewards.overlong(-1, 1)),
        (ValueError, ["answer", "question"], lambda: accuracy(completions=["4"], question=["?"])),
        (ValueError, ["answer", "2", "1"], lambda: accuracy(completions=["4", "5"], answer=["4"])),
        (TypeError, ["answer", "list", "str"], lambda: accuracy(completions=["4"], answer="4")),
        (TypeError, ["answer[0]", "decimals", "float"], lambda: accuracy(completions=["4"], answer=[0.5])),
        (TypeError, ["answer[0]", "bool"], lambda: accuracy(completions=["4"], answer=[True])),
        (ValueError, ["1 of the batch", "blank"], lambda: accuracy(completions=["4", "4"], answer=["4", " "])),
        (TypeError, ["completions", "str"], lambda: accuracy(completions="4", answer=["4"])),
        (TypeError, ["completions[1]", "int"], lambda: accuracy(completions=["4", 5], answer=["4", "5"])),
        (TypeError, ["completions[0][0]", "message"], lambda: accuracy(completions=[["4"]], answer=["4"])),
        (TypeError, ["content", "int"], lambda: accuracy(completions=[[{"content": 4}]], answer=["4"])),
        (TypeError, ["completions"], lambda: accuracy(answer=["4"])),
        (TypeError, ["completion_ids"], lambda: rewards.length(9)(completions=["4"], answer=["4"])),
        (TypeError, ["numbers[0]", "list"],
         lambda: rewards.accuracy(kind="countdown")(completions=["4"], target=[4], numbers=[4])),
        (ValueError, ["0 of the batch", "0 or more", "-4"],
         lambda: rewards.accuracy(kind="countdown")(completions=["4"], target=[4], numbers=[[-4]])),
        (ValueError, ["unknown language", "klingon"],
         lambda: rewards.language()(completions=["4"], language=["klingon"])),
        (ValueError, ["nq", "kind", "extra_info"], lambda: compute_score("nq", "a", "b")),
        (ValueError, ["data_source"], lambda: compute_score(None, "a", "b")),
        (ValueError, ["thinkling", "kinds"], lambda: compute_score("math", "a", "b", {"thinkling": {"kinds": "x"}})),
        (TypeError, ["ground_truth", "dict"], lambda: compute_score("countdown", "1", "1")),
        (ValueError, ["ground_truth", "numbers"], lambda: compute_score("countdown", "1", {"target": 1})),
        (TypeError, ["solution_str", "NoneType"], lambda: compute_score("math", None, "1")),
        (ValueError, ["blank gold"], lambda: compute_score("math", "1", "")),
        (ValueError, ["unreadable gold", "Z"], lambda: rewards.verify("Z", "A", kind="choice")),
    ]:
        try:
            got = call()
        except error as e:
            said = str(e)
            missing = [word for word in words if word.lower() not in said.lower()]
            assert not missing, f"no {missing} in {type(e).__name__}: {said}"
        else:
            raise AssertionError(f"expected {error.__name__} about {words}, got {got}")


def hostile_texts_are_answered():
    hostile = ["9^{9^{9^9}}", "{" * 100_000, "\\boxed{" * 10_000, "\ud800", "\0", "<think>" * 50_000]
    for function in (rewards.accuracy(), rewards.format(), rewards.repetition(), rewards.language("en")):
        got = function(completions=hostile, answer=["7"] * len(hostile))
        assert len(got) == len(hostile) and all(isinstance(value, float) for value in got)


def batches_are_scored_without_the_lock():
    text = "Wir addieren zuerst die beiden Zahlen, and then we look at what 我们 have. " * 400
    function = rewards.language("en", part="whole")
    ran, span = [], []

    def work(batch):
        begin = time.perf_counter()
        function(completions=batch)
        span[:] = [begin, time.perf_counter()]

    size = 8
    while True:
        batch = [text] * size
        ran.clear()
        thread = threading.Thread(target=work, args=(batch,))
        thread.start()
        while thread.is_alive():
            ran.append(time.perf_counter())
            time.sleep(0.001)
        begin, end = span
        if end - begin > 0.4:
            break
        size *= 2
    # Holding the lock, the call would let this thread run only before and after it.
    quarter = (end - begin) / 4
    inside = [at for at in ran if begin + quarter < at < end - quarter]
    assert len(inside) > 10, f"{len(inside)} turns of another thread inside a call"
    print(f"lock: another thread had {len(inside)} turns in the middle of a call")


def stubs_say_what_the_module_has():
    folder = Path(rewards.__file__).parent
    assert (folder / "py.typed").exists()
    tree = ast.parse((folder / "_native.pyi").read_text(encoding="utf-8"))
    typed = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            typed[node.name] = node.args
    functions = {name for name in rewards.__all__ if inspect.isbuiltin(getattr(rewards, name))}
    assert functions == set(typed), functions ^ set(typed)
    for name, args in typed.items():
        stub = [arg.arg for arg in args.args + args.kwonlyargs]
        real = inspect.signature(getattr(rewards, name))
        assert stub == list(real.parameters), f"{name}: {stub}, {real}"
        defaults = [ast.literal_eval(value) for value in args.defaults + args.kw_defaults if value]
        real = [p.default for p in real.parameters.values() if p.default is not p.empty]
        assert defaults == real, f"{name}: {defaults}, {real}"
        assert getattr(rewards, name).__doc__
    policy = rewards.default_policy()
    assert rewards.accuracy(policy=policy) == rewards.accuracy()


CHECKS = [
    answers_are_judged_as_by_the_command,
    texts_are_measured_as_by_the_command,
    the_reasoning_is_all_outside_the_answer,
    messages_are_read_by_the_last_of_the_assistant,
    golds_come_as_data_sets_have_them,
    tokens_are_counted,
    names_are_those_of_logs,
    verl_asks_by_data_source,
    mistakes_are_exceptions_in_words,
    hostile_texts_are_answered,
    batches_are_scored_without_the_lock,
    stubs_say_what_the_module_has,
]


def main():
    for check in CHECKS:
        check()
        print(f"ok: {check.__name__.replace('_', ' ')}")
    python = sys.version.split()[0]
    print(f"{len(CHECKS)} checks passed, thinkling_rewards {rewards.__version__}, Python {python}")


if __name__ == "__main__":
    main()
