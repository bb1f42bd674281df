"""Whether `peft` opens an adapter that Thinkling wrote, and computes the same with it.

`peft` puts the adapter on its base model; Thinkling runs the merged model of the same stage. The
log-probability of every token of a few random prompts is compared.

    python check_adapter.py BASE ADAPTER MERGED THINKLING

BASE is the folder that the stage started from, ADAPTER and MERGED what it wrote
(`RUN/stages/NAME/adapter` and `RUN/stages/NAME`), THINKLING the program. Prints the largest
difference and ends with status 1 where it is above 1e-4.
"""

import json
import subprocess
import sys

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

TOLERANCE = 1e-4
PROMPTS, TOKENS = 3, 24


def main(base, adapter, merged, program):
    torch.set_num_threads(1)
    model = AutoModelForCausalLM.from_pretrained(base, attn_implementation="eager").float()
    plain, worst, moved = model.config.vocab_size, 0.0, 0.0
    torch.manual_seed(1)
    prompts = torch.randint(2, plain, (PROMPTS, TOKENS))
    with torch.no_grad():
        before = model(prompts, use_cache=False).logits
    model = PeftModel.from_pretrained(model, adapter).eval()
    for row, ids in enumerate(prompts):
        with torch.no_grad():
            logits = model(ids[None], use_cache=False).logits[0]
        moved = max(moved, float((logits - before[row]).abs().max()))
        wanted = logits[:-1].log_softmax(-1).gather(1, ids[1:, None])[:, 0]
        call = [program, "generate", "--model", merged, "--device", "cpu", "--greedy", "--json"]
        call += ["--prompt-ids", ",".join(map(str, ids.tolist())), "--max-tokens", "1"]
        call += ["--prompt-logprobs"]
        out = subprocess.run(call, check=True, capture_output=True, text=True).stdout
        got = torch.tensor(json.loads(out.splitlines()[-1])["prompt_logprobs"])
        worst = max(worst, float((got - wanted).abs().max()))
    print(f"largest difference of log-probabilities: {worst:.2e} (limit {TOLERANCE:.0e})")
    print(f"largest change of a logit by the adapter: {moved:.2e}")
    if moved == 0.0:
        sys.exit("the adapter changes nothing: there is nothing to compare")
    sys.exit(0 if worst <= TOLERANCE else 1)


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
