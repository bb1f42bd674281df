"""Makes the goldens of LoRA adapters: what `peft` saves and computes on the tiny models beside.

Each folder is an adapter as `PeftModel.save_pretrained` writes it (with random B, which begins as
zeros and would hide everything) and `golden.json`: token ids, the logits at every position, and
the loss of predicting each next token with its gradient in every A and B. All numbers come from
`peft` in float32 with eager attention, on one CPU thread.

Run with the versions of requirements.txt after make_tiny_models.py, whose models it reads:

    python make_lora.py

| folder           | what it holds                                                  |
|------------------|----------------------------------------------------------------|
| qwen2_lora       | adapters of all seven projections, alpha / rank = 2            |
| llama_tied_lora  | adapters of q, v and up alone, alpha / rank = 0.75             |
"""

import json
import sys
from pathlib import Path

import peft
import torch
import transformers
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

HERE = Path(__file__).resolve().parent
TOKENS = 17
CASES = {
    "qwen2_lora": dict(
        base="qwen2",
        seed=11,
        config=dict(
            r=4,
            lora_alpha=8,
            target_modules=[
                "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj",
            ],
        ),
    ),
    "llama_tied_lora": dict(
        base="llama_tied",
        seed=12,
        config=dict(r=8, lora_alpha=6, target_modules=["q_proj", "v_proj", "up_proj"]),
    ),
}


def rounded(x):
    """Seven significant digits: as much as a float32 holds."""
    return [rounded(v) for v in x] if isinstance(x, list) else float(f"{x:.7g}")


def make(name):
    case = CASES[name]
    torch.manual_seed(case["seed"])
    base = AutoModelForCausalLM.from_pretrained(HERE / case["base"], attn_implementation="eager")
    config = LoraConfig(task_type="CAUSAL_LM", lora_dropout=0.0, bias="none", **case["config"])
    model = get_peft_model(base.float(), config)
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    with torch.no_grad():
        for tensor in (p for n, p in trained.items() if "lora_B" in n):
            tensor.copy_(torch.randn(tensor.shape) * 0.2)
    ids = torch.randint(2, 64, (1, TOKENS))
    logits = model(ids, use_cache=False).logits[0]
    loss = torch.nn.functional.cross_entropy(logits[:-1], ids[0, 1:])
    loss.backward()
    folder = HERE / name
    model.save_pretrained(folder)
    # A card that `peft` writes beside; it says nothing of these numbers.
    (folder / "README.md").unlink(missing_ok=True)
    path = folder / "adapter_config.json"
    saved = json.loads(path.read_text())
    saved["base_model_name_or_path"] = f"../{case['base']}"
    saved["target_modules"] = sorted(saved["target_modules"])
    path.write_text(json.dumps(saved, indent=2, sort_keys=True) + "\n")
    golden = {
        "made_by": "make_lora.py",
        "versions": {
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "peft": peft.__version__,
        },
        "seed": case["seed"],
        "base": case["base"],
        "ids": ids[0].tolist(),
        "logits": rounded(logits.tolist()),
        "loss": float(loss),
        "gradients": {
            n.removeprefix("base_model.model.").replace(".default", ""): rounded(
                p.grad.flatten().tolist()
            )
            for n, p in trained.items()
        },
    }
    (folder / "golden.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for wanted in sys.argv[1:] or CASES:
        make(wanted)
