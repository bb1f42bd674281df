"""Makes the parity goldens of this folder: tiny random-weight models and what transformers gives.

Each folder is a model as `save_pretrained` writes it, a tokenizer of its own, and `golden.json`:
token ids, the logits at every position, and a greedy continuation with its log-probabilities.
All numbers come from transformers in float32 with eager attention, on one CPU thread.

Run with the versions of requirements.txt (golden.json repeats the versions that were used):

    python make_tiny_models.py            # rewrites every folder
    python make_tiny_models.py qwen3      # rewrites one

| folder             | what it holds                                                            |
|--------------------|--------------------------------------------------------------------------|
| llama3_rope        | Llama, llama3 rope scaling, separate head; config.json in the 4.x style  |
| llama_tied         | Llama, plain rope, tied head                                             |
| qwen2              | Qwen2, biases on q, k and v, tied head                                   |
| qwen3              | Qwen3, norms on q and k, head_dim that is not hidden / heads             |
| llama_bf16_sharded | llama_tied's weights as bfloat16, in two shards with an index            |
"""

import json
import shutil
import sys
from pathlib import Path

import tokenizers
import torch
import transformers
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM
from transformers import Qwen3Config, Qwen3ForCausalLM

HERE = Path(__file__).resolve().parent
VOCAB = 64
# A sequence below and one above the original context of llama3_rope (32), so that both the
# trained and the stretched positions are compared.
LENGTHS = (9, 48)
GREEDY_STEPS = 16
COMMON = dict(
    vocab_size=VOCAB,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=256,
    # Large, so that logits differ by whole nats: flat logits would hide errors.
    initializer_range=0.2,
    bos_token_id=0,
    eos_token_id=1,
    attn_implementation="eager",
)


def llama3_rope():
    # With head_dim 12 and original context 32 the six frequencies fall into all three bands of
    # the llama3 rule: kept, blended and divided by the factor.
    return LlamaForCausalLM(
        LlamaConfig(
            **COMMON,
            hidden_size=48,
            intermediate_size=64,
            rms_norm_eps=1e-5,
            tie_word_embeddings=False,
            rope_parameters={
                "rope_type": "llama3",
                "rope_theta": 10000.0,
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 32,
            },
        )
    )


def llama_tied():
    return LlamaForCausalLM(
        LlamaConfig(
            **COMMON,
            hidden_size=32,
            intermediate_size=80,
            rms_norm_eps=1e-5,
            tie_word_embeddings=True,
            rope_parameters={"rope_type": "default", "rope_theta": 100000.0},
        )
    )


def qwen2():
    return Qwen2ForCausalLM(
        Qwen2Config(
            **COMMON,
            hidden_size=32,
            intermediate_size=80,
            rms_norm_eps=1e-6,
            tie_word_embeddings=True,
            rope_parameters={"rope_type": "default", "rope_theta": 1000000.0},
        )
    )


def qwen3():
    return Qwen3ForCausalLM(
        Qwen3Config(
            **COMMON,
            hidden_size=32,
            head_dim=16,
            intermediate_size=80,
            rms_norm_eps=1e-6,
            tie_word_embeddings=False,
            rope_parameters={"rope_type": "default", "rope_theta": 1000000.0},
        )
    )


def scatter_biases_and_norms(model, generator):
    """Fresh biases are zero and fresh norm weights one: a reader that forgot them would pass."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.endswith("bias"):
                p.copy_(torch.randn(p.shape, generator=generator) * 0.5)
            elif "norm" in name:
                p.copy_(torch.rand(p.shape, generator=generator) + 0.5)


def rounded(x):
    """Seven significant digits: as much as a float32 holds."""
    return [rounded(v) for v in x] if isinstance(x, list) else float(f"{x:.7g}")


def greedy(model, prompt):
    ids, logprobs, margins = list(prompt), [], []
    for _ in range(GREEDY_STEPS):
        with torch.no_grad():
            last = model(torch.tensor([ids]), use_cache=False).logits[0, -1]
        best, second = last.topk(2).values.tolist()
        margins.append(best - second)
        ids.append(int(last.argmax()))
        logprobs.append(float(last.log_softmax(-1)[ids[-1]]))
    return ids[len(prompt) :], logprobs, margins


def telling_greedy(model, generator):
    """A prompt whose continuation varies and is never close to a tie, so that it must be equal."""
    for _ in range(2000):
        prompt = torch.randint(2, VOCAB, (7,), generator=generator).tolist()
        ids, logprobs, margins = greedy(model, prompt)
        if len(set(ids)) >= 6 and min(margins) > 0.02:
            return prompt, ids, logprobs, margins
    sys.exit("no prompt with a telling greedy continuation")


def golden_of(model, seed, lengths):
    generator = torch.Generator().manual_seed(seed + 1000)
    model = model.float().eval()
    cases = []
    for n in lengths:
        # Ids 0 and 1 are the special tokens.
        ids = torch.randint(2, VOCAB, (1, n), generator=generator)
        with torch.no_grad():
            logits = model(ids, use_cache=False).logits[0]
        cases.append({"ids": ids[0].tolist(), "logits": rounded(logits.tolist())})

    prompt, ids, logprobs, margins = telling_greedy(model, generator)
    return {
        "made_by": "make_tiny_models.py",
        "versions": {
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "tokenizers": tokenizers.__version__,
        },
        "seed": seed,
        "dtype": "float32",
        "attention": "eager",
        "cases": cases,
        "greedy": {
            "note": "no end-of-sequence id stops it; logprobs are at temperature 1",
            "prompt_ids": prompt,
            "ids": ids,
            "logprobs": rounded(logprobs),
            "top1_minus_top2": rounded(margins),
        },
    }


def write_tokenizer(folder):
    """A byte-level BPE of at most VOCAB tokens, so that text prompts can be tried as well."""
    tok = tokenizers.Tokenizer(tokenizers.models.BPE())
    tok.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tok.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=VOCAB,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=list("abcdefghijklmnopqrstuvwxyz0123456789+-=.?") + ["Ġ"],
        show_progress=False,
    )
    text = ["what is two plus three? it is five.", "the sum of the terms is the answer."] * 4
    tok.train_from_iterator(text, trainer)
    assert tok.get_vocab_size() == VOCAB, tok.get_vocab_size()
    tok.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "model_max_length": 256,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")


def config_in_4x_style(folder):
    """Rewrites config.json as transformers 4 wrote it, which is what most published models have."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    config["rope_scaling"] = rope
    config["torch_dtype"] = config.pop("dtype")
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def write_golden(folder, golden):
    """One line a row of logits: readable, and small in a diff."""
    text = json.dumps(golden, indent=1)
    # json.dumps puts every number on its own line; fold the innermost lists.
    out, inner = [], None
    for line in text.split("\n"):
        s = line.strip()
        if s.endswith("["):
            if inner is not None:
                out.extend(inner)
            inner = [line]
        elif inner is not None and s in ("]", "],"):
            out.append(inner[0] + "".join(part.strip() for part in inner[1:]) + s)
            inner = None
        elif inner is not None:
            inner.append(line)
        else:
            out.append(line)
    folded = "\n".join(out)
    assert json.loads(folded) == golden
    (folder / "golden.json").write_text(folded + "\n")


def check_reload(folder, golden):
    """The folder as written must give the golden again: a wrong config.json shows here."""
    worst = worst_difference(reload(folder), golden)
    assert worst < 1e-5, (folder.name, worst)


def reload(folder):
    return transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    ).eval()


def worst_difference(model, golden):
    worst = 0.0
    for case in golden["cases"]:
        with torch.no_grad():
            logits = model(torch.tensor([case["ids"]]), use_cache=False).logits[0]
        worst = max(worst, (logits - torch.tensor(case["logits"])).abs().max().item())
    return worst


# What a reader of each model must not forget, as an edit that mimics forgetting it.
FORGETTING = {
    "llama3_rope": {
        "rope scaling": lambda m: default_rope(m),
        "separate head": lambda m: m.lm_head.weight.copy_(m.model.embed_tokens.weight),
    },
    "llama_tied": {"norm weights": lambda m: fill(m, "norm", 1.0)},
    "qwen2": {f"{p} bias": lambda m, p=p: fill(m, f"{p}_proj.bias", 0.0) for p in "qkv"},
    "qwen3": {f"{p} norm": lambda m, p=p: fill(m, f"{p}_norm", 1.0) for p in "qk"},
}


def fill(model, part, value):
    for name, p in model.named_parameters():
        if part in name:
            p.fill_(value)


def default_rope(model):
    rope = model.model.rotary_emb
    dim = model.config.head_dim
    steps = torch.arange(0, dim, 2, dtype=torch.float32) / dim
    rope.inv_freq.copy_(1.0 / model.config.rope_parameters["rope_theta"] ** steps)


def check_telling(folder, golden):
    """Each forgotten part must move the logits by far more than the tolerance of a test (1e-4)."""
    for what, forget in FORGETTING.get(folder.name, {}).items():
        model = reload(folder)
        with torch.no_grad():
            forget(model)
            moved = worst_difference(model, golden)
        assert moved > 0.05, (folder.name, what, moved)
        print(f"  without its {what} the logits move by {moved:.2f}")


def make(name, build, seed):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(seed)
    model = build()
    scatter_biases_and_norms(model, torch.Generator().manual_seed(seed + 500))
    model.save_pretrained(folder)
    if name == "llama3_rope":
        config_in_4x_style(folder)
    golden = golden_of(model, seed, LENGTHS)
    finish(folder, golden)


def make_sharded():
    folder = HERE / "llama_bf16_sharded"
    shutil.rmtree(folder, ignore_errors=True)
    model = reload(HERE / "llama_tied").to(torch.bfloat16)
    model.save_pretrained(folder, max_shard_size="32KB")
    shards = sorted(p.name for p in folder.glob("*.safetensors"))
    assert len(shards) == 2, shards
    # The reference widens the stored bfloat16 weights and computes in float32, as we do.
    widened = reload(folder)
    finish(folder, golden_of(widened, 15, LENGTHS[:1]))


def finish(folder, golden):
    write_tokenizer(folder)
    write_golden(folder, golden)
    check_reload(folder, golden)
    for p in folder.iterdir():
        p.chmod(0o644)
    size = sum(p.stat().st_size for p in folder.iterdir())
    logits = torch.tensor(golden["cases"][0]["logits"])
    print(
        f"{folder.name}: {size / 1000:.0f} kB, logits std {logits.std():.2f}, "
        f"smallest greedy margin {min(golden['greedy']['top1_minus_top2']):.3f}"
    )
    check_telling(folder, golden)


def main():
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    wanted = sys.argv[1:]
    builds = {
        "llama3_rope": (llama3_rope, 11),
        "llama_tied": (llama_tied, 12),
        "qwen2": (qwen2, 13),
        "qwen3": (qwen3, 14),
    }
    unknown = set(wanted) - set(builds) - {"llama_bf16_sharded"}
    if unknown:
        sys.exit(f"unknown golden: {', '.join(sorted(unknown))}")
    for name, (build, seed) in builds.items():
        if not wanted or name in wanted:
            make(name, build, seed)
    if not wanted or "llama_bf16_sharded" in wanted:
        make_sharded()


if __name__ == "__main__":
    main()
