"""Three steps of TRL's GRPO on the CPU, rewarded by thinkling_rewards, with texts and with messages.

A tiny model with random weights writes tokens that are digits and tags, so that some completions are
rewarded. What TRL logs for each reward function has to be what the function gives for the completions
of that step.

usage: python check_trl.py      (`cargo xtask wheel --trl` does it; requirements.txt has the packages)
"""

import os
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import torch
import transformers
import trl
from datasets import Dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    PrinterCallback,
)
from trl import GRPOConfig, GRPOTrainer

import thinkling_rewards as rewards

STEPS = 3
GROUP = 8
SPECIAL = ["<pad>", "<bos>", "<eos>"]
WORDS = [*"0123456789", "+", "=", "?", "<think>", "</think>", "<answer>", "</answer>"]


def tokenizer():
    vocabulary = {word: at for at, word in enumerate(SPECIAL + WORDS)}
    tokens = Tokenizer(models.WordLevel(vocabulary, unk_token="?"))
    tokens.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokens.decoder = decoders.Fuse()
    made = PreTrainedTokenizerFast(
        tokenizer_object=tokens, pad_token="<pad>", bos_token="<bos>", eos_token="<eos>",
        padding_side="left")
    made.chat_template = "{% for message in messages %}{{ message['content'] }} {% endfor %}"
    return made


def model(vocabulary):
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
        pad_token_id=0, bos_token_id=1, eos_token_id=2)
    made = LlamaForCausalLM(config).float()
    made.generation_config = GenerationConfig(pad_token_id=0, bos_token_id=1, eos_token_id=2)
    return made


def train(conversational):
    prompts = [f"{a} + {b} = ?" for a in range(5) for b in range(5)]
    if conversational:
        prompts = [[{"role": "user", "content": prompt}] for prompt in prompts]
    answers = [str(a + b) for a in range(5) for b in range(5)]
    data = Dataset.from_dict({"prompt": prompts, "answer": answers})
    functions = [
        rewards.accuracy(kind="number"),
        rewards.format(rule="tag-count"),
        rewards.overlong(12, 6),
    ]
    seen = []

    def recorder(completions, completion_ids, answer, **_):
        seen.append(dict(completions=completions, completion_ids=completion_ids, answer=answer))
        return [0.0] * len(completions)

    tokens = tokenizer()
    with tempfile.TemporaryDirectory() as folder:
        settings = GRPOConfig(
            output_dir=folder, use_cpu=True, bf16=False, gradient_checkpointing=False, seed=1,
            per_device_train_batch_size=2 * GROUP, num_generations=GROUP, max_completion_length=12,
            max_steps=STEPS, learning_rate=1e-3, temperature=1.0, beta=0.0, logging_steps=1,
            save_strategy="no", report_to="none", disable_tqdm=True)
        trainer = GRPOTrainer(
            model=model(len(tokens)), reward_funcs=[*functions, recorder], args=settings,
            train_dataset=data, processing_class=tokens)
        # What it would print is printed below, compared.
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    logs = [log for log in trainer.state.log_history if "reward" in log]
    assert len(logs) == len(seen) == STEPS, (len(logs), len(seen))
    earned = {function.__name__: 0.0 for function in functions}
    for step, (log, batch) in enumerate(zip(logs, seen), 1):
        said = []
        for function in functions:
            values = [value for value in function(**batch) if value is not None]
            mean, logged = sum(values) / len(values), log[f"rewards/{function.__name__}/mean"]
            # TRL's means are float32.
            assert abs(mean - logged) < 1e-6, (step, function.__name__, mean, logged)
            earned[function.__name__] += abs(mean)
            said.append(f"{function.__name__} {logged:.4f}")
        print(f"  step {step}: {', '.join(said)}, reward {log['reward']:.4f}")
    assert all(earned.values()), f"a reward is 0 throughout, so nothing is shown: {earned}"
    kind = type(seen[0]["completions"][0]).__name__
    assert kind == ("list" if conversational else "str"), kind
    print(f"  completions are of type {kind}; the first: {seen[0]['completions'][0]!r}")


def main():
    print(f"trl {trl.__version__}, transformers {transformers.__version__}, torch {torch.__version__}, "
          f"thinkling_rewards {rewards.__version__}")
    for conversational in (False, True):
        print("messages:" if conversational else "texts:")
        train(conversational)
    print(f"two runs of {STEPS} steps; every logged mean is the functions' own")


if __name__ == "__main__":
    main()
