"""Writes grpo_small.json: policy losses, gradients and advantages for thinkling-grpo's tests.

Written from the equations (GRPO arXiv 2402.03300, DAPO 2503.14476, Dr. GRPO 2503.20783, GSPO
2507.18071, CISPO 2506.13585, two-sided cap 2505.07291) in plain loops over Python floats, so that it
shares nothing with the Rust code. Gradients are central differences; what the papers hold constant
(weights of CISPO, the sampling policy where it is the policy itself) is frozen at the point of
differentiation. No third-party packages.

Made with CPython 3.11.7 (its random.Random and statistics modules); run:
python3 make_grpo_small.py > grpo_small.json
"""

import json
import math
import random
import statistics
import sys

STEP = 1e-5  # of the central difference: truncation about 1e-10, rounding about 1e-11
KINK = 1e-3  # no ratio may lie this close to a bound, where the difference would straddle it

MASKS = {
    "ragged": [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]],
    "hole": [[1, 0, 1, 1, 0], [1, 1, 1, 1, 1], [0, 1, 0, 0, 0]],
    "empty_row": [[1, 1, 1, 0, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]],
    "single": [[1]],
}


def ratios_of(new, old, mask, level):
    """One list of ratios a row, one for each token."""
    rows = []
    for n, o, m in zip(new, old, mask):
        if level == "token":
            rows.append([math.exp(a - b) for a, b in zip(n, o)])
        else:
            length = sum(m)
            mean = sum((a - b) for a, b, k in zip(n, o, m) if k) / length if length else 0.0
            rows.append([math.exp(mean)] * len(n))
    return rows


def kl_of(estimator, new, ref):
    d = ref - new
    if estimator == "k1":
        return new - ref
    if estimator == "k2":
        return d * d / 2
    return math.exp(d) - d - 1


def clip(value, low, high):
    return max(low, min(high, value))


def loss_of(new, frozen, inputs, config):
    old = inputs["old_logps"] or frozen
    mask, kind, level = inputs["mask"], config["loss_type"], config["importance_sampling_level"]
    weights = ratios_of(frozen if kind == "cispo" else new, old, mask, level)
    per_row = []
    for i, row in enumerate(new):
        a = inputs["advantages"][i]
        terms = []
        for t, logp in enumerate(row):
            if not mask[i][t]:
                continue
            r = weights[i][t]
            if kind == "cispo":
                term = -min(r, config["epsilon_high"]) * a * logp
            else:
                capped = min(r, config["delta"]) if config.get("delta") is not None else r
                clipped = clip(r, 1 - config["epsilon"], 1 + config["epsilon_high"])
                term = -min(capped * a, clipped * a)
            if config["beta"]:
                ref = inputs["ref_logps"][i][t]
                term += config["beta"] * kl_of(config.get("kl_estimator", "k3"), logp, ref)
            terms.append(term)
        per_row.append(terms)
    accumulation = config.get("gradient_accumulation_steps", 1)
    every = [term for terms in per_row for term in terms]
    if kind == "grpo":
        means = [math.fsum(terms) / len(terms) if terms else 0.0 for terms in per_row]
        return math.fsum(means) / len(means) / accumulation
    if kind == "dr_grpo":
        return math.fsum(every) / (len(per_row) * config["max_completion_length"]) / accumulation
    if kind == "bnpo":
        return math.fsum(every) / max(len(every), 1) / accumulation
    share = accumulation / config.get("steps_per_generation", 1)
    return math.fsum(every) / (inputs["num_items_in_batch"] * share)


def gradient_of(inputs, config):
    base = inputs["new_logps"]
    gradient = []
    for i, row in enumerate(base):
        gradient.append([])
        for t in range(len(row)):
            values = []
            for step in (STEP, -STEP):
                moved = [list(r) for r in base]
                moved[i][t] += step
                values.append(loss_of(moved, base, inputs, config))
            gradient[i].append((values[0] - values[1]) / (2 * STEP))
    return gradient


def metrics_of(inputs, config):
    new, mask = inputs["new_logps"], inputs["mask"]
    old = inputs["old_logps"] or new
    by_sequence = config["importance_sampling_level"] == "sequence"
    ratios = ratios_of(new, old, mask, config["importance_sampling_level"])
    trained = [(i, t) for i, row in enumerate(mask) for t, k in enumerate(row) if k]
    places = [(i, 0) for i in range(len(mask))] if by_sequence else trained

    def share(test):
        return sum(test(ratios[i][t], inputs["advantages"][i]) for i, t in places) / len(places)

    low, high = 1 - config["epsilon"], 1 + config["epsilon_high"]
    metrics = {"entropy": sum(inputs["entropies"][i][t] for i, t in trained) / len(trained)}
    if config["loss_type"] == "cispo":
        cap = config["epsilon_high"]
        metrics["cispo_clip_ratio"] = share(lambda r, a: r > cap and a > 0)
    else:
        metrics["clip_ratio/low_mean"] = share(lambda r, a: r < low and a < 0)
        metrics["clip_ratio/high_mean"] = share(lambda r, a: r > high and a > 0)
        metrics["clip_ratio/region_mean"] = share(
            lambda r, a: (r < low and a < 0) or (r > high and a > 0)
        )
        if config.get("delta") is not None:
            cap = max(config["delta"], high)
            metrics["clip_ratio/delta_mean"] = share(lambda r, a: r > cap and a < 0)
    if inputs["ref_logps"]:
        estimator = config.get("kl_estimator", "k3")
        metrics["kl"] = sum(
            kl_of(estimator, new[i][t], inputs["ref_logps"][i][t]) for i, t in trained
        ) / len(trained)
    metrics["ratio/max"] = max(ratios[i][t] for i, t in trained)
    metrics["approx_kl"] = sum(
        math.exp(new[i][t] - old[i][t]) - 1 - (new[i][t] - old[i][t]) for i, t in trained
    ) / len(trained)
    return metrics


def bounds_of(config):
    if config["loss_type"] == "cispo":
        return [config["epsilon_high"]]
    bounds = [1 - config["epsilon"], 1 + config["epsilon_high"], config.get("delta")]
    return [bound for bound in bounds if bound is not None]


def loss_case(rng, name, mask, spread=0.4, old=True, num_items=None, **options):
    config = {
        "loss_type": "grpo",
        "epsilon": 0.2,
        "epsilon_high": 0.2,
        "beta": 0.0,
        "importance_sampling_level": "token",
        "max_completion_length": 9,
        **options,
    }
    mask = MASKS[mask]

    def around(rows, width):
        return [[round(min(v + rng.gauss(0, width), -1e-3), 6) for v in row] for row in rows]

    while True:
        new = [[round(-rng.uniform(0.05, 3.0), 6) for _ in row] for row in mask]
        inputs = {
            "new_logps": new,
            "old_logps": around(new, spread) if old else None,
            "ref_logps": around(new, 0.3) if config["beta"] else None,
            "advantages": [round(rng.gauss(0, 1), 6) for _ in mask],
            "mask": mask,
            "entropies": [[round(rng.uniform(0, 2), 6) for _ in row] for row in mask],
            "num_items_in_batch": num_items or sum(map(sum, mask)),
        }
        ratios = ratios_of(new, inputs["old_logps"] or new, mask, config["importance_sampling_level"])
        distances = [abs(r - b) for row in ratios for r in row for b in bounds_of(config)]
        if min(distances) > KINK:
            break
    return {
        "name": name,
        "config": config,
        "inputs": inputs,
        "loss": loss_of(new, new, inputs, config),
        "grad_logps": gradient_of(inputs, config),
        "metrics": metrics_of(inputs, config),
    }


def loss_cases(rng):
    for kind in ("grpo", "dr_grpo", "bnpo", "dapo"):
        for mask in ("ragged", "hole", "empty_row"):
            yield loss_case(rng, f"{kind}/{mask}", mask, loss_type=kind, beta=0.05, epsilon_high=0.3)
    for kind in ("grpo", "dr_grpo", "bnpo", "dapo"):
        yield loss_case(
            rng, f"{kind}/accumulate", "ragged", loss_type=kind, num_items=31,
            gradient_accumulation_steps=3, steps_per_generation=6,
        )
    for level in ("token", "sequence"):
        for mask in ("ragged", "empty_row"):
            yield loss_case(
                rng, f"cispo/{level}/{mask}", mask, spread=0.7, loss_type="cispo",
                epsilon_high=1.3, importance_sampling_level=level, beta=0.02,
            )
    for kind in ("grpo", "dr_grpo", "bnpo", "dapo"):
        for mask in ("hole", "empty_row"):
            yield loss_case(
                rng, f"gspo/{kind}/{mask}", mask, loss_type=kind, epsilon=0.05, epsilon_high=0.08,
                importance_sampling_level="sequence", beta=0.03,
            )
    for delta in (1.1, 1.5):
        for level in ("token", "sequence"):
            yield loss_case(
                rng, f"delta{delta}/{level}", "ragged", spread=0.7, delta=delta,
                importance_sampling_level=level,
            )
    for estimator in ("k1", "k2", "k3"):
        yield loss_case(rng, f"kl_{estimator}", "hole", beta=0.2, kl_estimator=estimator)
    yield loss_case(rng, "r1_wide_clip", "ragged", spread=1.0, epsilon=10.0, epsilon_high=10.0,
                    beta=0.001)
    for kind in ("grpo", "cispo"):
        yield loss_case(rng, f"{kind}/on_policy", "ragged", old=False, loss_type=kind,
                        epsilon_high=2.0, beta=0.04)
    yield loss_case(rng, "one_token", "single", beta=0.1)


def spread_of(values):
    return statistics.stdev(values) if len(values) > 1 else 0.0


def advantage_case(name, rows, size, weights, scale):
    totals = []
    for row in rows:
        known = [weight * reward for weight, reward in zip(weights, row) if reward is not None]
        totals.append(math.fsum(known) if known else None)
    groups = [totals[i : i + size] for i in range(0, len(totals), size)]
    batch = spread_of([total for total in totals if total is not None])
    stds, advantages = [], []
    for group in groups:
        known = [total for total in group if total is not None]
        mean = statistics.fmean(known) if known else 0.0
        std = batch if scale == "batch" else spread_of(known)
        divisor = 1.0 if scale == "none" else std + 1e-4
        stds += [std] * size
        advantages += [0.0 if total is None else (total - mean) / divisor for total in group]
    return {
        "name": name,
        "config": {"num_generations": size, "reward_weights": weights, "scale_rewards": scale,
                   "multi_objective_aggregation": "sum_then_normalize"},
        "rewards_per_func": rows,
        "rewards": totals,
        "std": stds,
        "is_std_zero": [std < 1e-8 for std in stds],
        "advantages": advantages,
    }


def advantage_cases(rng):
    binary = [[float(rng.random() < 0.4)] for _ in range(8)] + [[1.0]] * 4
    three = [[round(rng.random(), 3) for _ in range(3)] for _ in range(12)]
    gaps = [[None if rng.random() < 0.3 else value for value in row] for row in three]
    gaps[5] = [None, None, None]
    gaps[6:9] = [[None] * 3] * 3
    for scale in ("group", "batch", "none"):
        yield advantage_case(f"binary/{scale}", binary, 4, [1.0], scale)
        yield advantage_case(f"three/{scale}", three, 6, [1.0, -0.5, 2.0], scale)
        yield advantage_case(f"gaps/{scale}", gaps, 3, [0.5, 1.0, 0.25], scale)


def main():
    rng = random.Random(20260117)
    golden = {
        "source": f"make_grpo_small.py, CPython {sys.version.split()[0]}",
        "notes": [
            "same layout and conventions as the reference cases: gradients are d loss / d new_logps",
            "kl_estimator (k1, k2, k3) and metrics clip_ratio/delta_mean, ratio/max, approx_kl are additions",
        ],
        "cases": list(loss_cases(rng)),
        "advantage_cases": list(advantage_cases(rng)),
    }
    json.dump(golden, sys.stdout, indent=None, separators=(",", ":"))
    print()


main()
