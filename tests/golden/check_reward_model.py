"""Whether `transformers` opens a reward model that Thinkling wrote, and gives the same rewards.

    python check_reward_model.py MODEL RUN NAME

MODEL is the folder of a `reward-model` stage whose template is `r1-zero` (`RUN/stages/STAGE`), RUN the
folder of a run with an `rl` stage in which its reward is called NAME, without bounds. The rewards of the
run's completions, as `completions.jsonl` has them, are computed again. Prints the largest difference
and ends with status 1 where it is above 1e-4. With an adapter beside the model `peft` is asked too.
"""

import json
import sys
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedTokenizerFast

TOLERANCE = 1e-4
BEFORE = (
    "A conversation between User and Assistant. The user asks a question, and the Assistant solves "
    "it. The assistant first thinks about the reasoning process in the mind and then provides the "
    "user with the answer. The reasoning process and answer are enclosed within <think> </think> "
    "and <answer> </answer> tags, respectively, i.e., <think> reasoning process here </think> "
    "<answer> answer here </answer>. User: "
)
AFTER = ". Assistant:"


def read(text, part):
    if part == "response":
        return text.strip()
    if "</think>" in text:
        return text.rsplit("</think>", 1)[1].strip()
    return "" if "<think>" in text else text.strip()


def main(folder, run, name):
    torch.set_num_threads(1)
    keys = json.loads((Path(folder) / "reward_model.json").read_text())
    if keys["template"] != "r1-zero":
        sys.exit(f"template, expected: r1-zero, got: {keys['template']}")
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(Path(folder) / "tokenizer.json"))
    model, info = AutoModelForSequenceClassification.from_pretrained(
        folder, attn_implementation="eager", output_loading_info=True
    )
    if info["missing_keys"] or info["unexpected_keys"] or model.config.num_labels != 1:
        sys.exit(f"not all weights have their place: {info}")
    end = AutoConfig.from_pretrained(folder).eos_token_id
    end = end if isinstance(end, int) else end[0]
    models = [model.float().eval()]
    adapter = Path(folder) / "adapter"
    if adapter.exists():
        from peft import PeftModel

        base = json.loads((adapter / "adapter_config.json").read_text())
        base = AutoModelForSequenceClassification.from_pretrained(
            base["base_model_name_or_path"], num_labels=1, attn_implementation="eager"
        )
        models.append(PeftModel.from_pretrained(base.float(), adapter).eval())
    worst, compared = [0.0] * len(models), 0
    for line in (Path(run) / "completions.jsonl").read_text().splitlines():
        row = json.loads(line)
        parts = [p for p in row["record"]["components"] if p["name"] == name]
        if not parts or row["finish"] == "length":
            continue
        answer = read(row["completion"], keys["read"])
        if not answer:
            continue
        encode = lambda text: tokenizer.encode(text, add_special_tokens=False)
        ids = encode(BEFORE + row["question"] + AFTER) + encode(" " + answer) + [end]
        for i, one in enumerate(models):
            with torch.no_grad():
                value = one(torch.tensor([ids])).logits[0, 0]
            value = value.sigmoid() if keys["objective"] == "pointwise" else value
            worst[i] = max(worst[i], abs(float(value) - parts[0]["value"]))
        compared += 1
    if compared == 0:
        sys.exit("no completion has such a reward: there is nothing to compare")
    told = ", with peft ".join(f"{w:.2e}" for w in worst)
    print(f"{compared} rewards, largest difference: {told} (limit {TOLERANCE:.0e})")
    sys.exit(0 if max(worst) <= TOLERANCE else 1)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
