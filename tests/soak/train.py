"""Does memory stay flat over a long run? A tiny recipe for 1,000 steps of reinforcement learning, its memory once a second.

    cargo build --release
    python tests/soak/train.py target/release/thinkling --steps 1000

Prints resident memory and tokens/s after a tenth, a half and at the end, and fails where from the half on memory has grown by
more than a twentieth or the speed has fallen by more than a third. (Before, completions grow as the model learns, and with them what a
step needs.) Needs Python's standard library alone, and Linux.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

RECIPE = """
name = "soak"
seed = 3
[model]
path = "{base}"
[[stage]]
name = "rl"
kind = "rl"
preset = "r1-zero"
lr = 1e-5
steps = {steps}
group_size = 8
questions_per_step = 4
minibatches = 1
micro_batch = 8
max_completion_tokens = 48
checkpoint_every = {every}
data = {{ kind = "mini-world" }}
{more}
"""


def resident(pid):
    """MB of a process."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1000
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--more", default="", help="further lines of the stage")
    args = parser.parse_args()
    base = pathlib.Path(__file__).resolve().parents[2] / "recipes" / "mini-world-base"
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        recipe = folder / "soak.toml"
        every = max(1, args.steps // 20)
        recipe.write_text(RECIPE.format(base=base, steps=args.steps, every=every, more=args.more))
        call = [args.binary, "train", str(recipe), "--out", str(folder / "run"), "--device", args.device]
        log = folder / "log"
        with log.open("w") as said:
            process = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=said)
        metrics, samples = folder / "run" / "metrics.jsonl", []
        while process.poll() is None:
            try:
                memory = resident(process.pid)
                steps = metrics.read_bytes().count(b"\n") if metrics.exists() else 0
            except FileNotFoundError:
                break
            if memory is not None and steps > 0:
                samples.append((steps, memory))
            time.sleep(1)
        if process.wait() != 0:
            sys.exit(f"the run failed: {log.read_text()[-2000:]}")
        speeds = [json.loads(line)["timing"]["tokens_per_s"] for line in metrics.read_text().splitlines()]
    parts = {"first tenth": (0.05, 0.15), "half": (0.45, 0.55), "end": (0.9, 1.0)}
    means, paces = {}, {}
    for name, (low, high) in parts.items():
        low, high = low * args.steps, high * args.steps
        means[name] = statistics.mean(memory for step, memory in samples if low <= step <= high)
        paces[name] = statistics.median(speeds[int(low):int(high)])
        print(f"{name:12} {means[name]:7.1f} MB  {paces[name]:7.0f} tokens/s")
    print(f"{len(speeds)} steps, at most {max(memory for _, memory in samples):.1f} MB")
    if means["end"] > 1.05 * means["half"]:
        sys.exit("memory has grown")
    if paces["end"] < paces["half"] / 1.5:
        sys.exit("it has become slower")


if __name__ == "__main__":
    main()
