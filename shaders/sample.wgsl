// Draws a token from each row of logits and gives its log-probability.
//
// p(i) = exp((logit(i) - largest) / T). Greedy (T = 0): the largest logit, the first of equals, and
// the log-probability at T = 1. Else top-k and top-p keep the tokens whose probability is at least a
// threshold, found by cutting the range of scores in five again and again, and the draw inverts their
// cumulative distribution in order of id.
// The log-probability is that before the filters: (logit - largest) / T - log sum p.
// Follows one of reduce/*.wgsl.
// Bindings:  0 logits   [rows, VOCAB_STRIDE]; banned tokens lose theirs
//            1 draws    [rows] uniform in [0, 1)
//            2 ids      [rows]
//            3 logprobs [rows]
//            4 params   [rows] x: T, y: top-p (1: all), z: top-k (0: all), w: min-p
//            5 banned   how many, then their ids
// Grid:      [rows, 1, 1]; a workgroup has a row.
override VOCAB: u32; // below 2^24
override VOCAB_STRIDE: u32;

@group(0) @binding(0) var<storage, read_write> logits: array<f32>; // [rows, VOCAB_STRIDE]
@group(0) @binding(1) var<storage, read> draws: array<f32>; // [rows]
@group(0) @binding(2) var<storage, read_write> ids: array<u32>; // [rows]
@group(0) @binding(3) var<storage, read_write> logprobs: array<f32>; // [rows]
@group(0) @binding(4) var<storage, read> row_params: array<vec4<f32>>; // [rows]
@group(0) @binding(5) var<storage, read> banned: array<u32>; // count, ids

const THREADS = 256u;
const LOWEST = -104.0; // exp of it is 0
const CUTS = 18u; // 104 / 5^18 is below the spacing of scores
var<workgroup> masses: array<f32, THREADS>;
var<private> base: u32;
var<private> largest: f32;
var<private> inverse: f32;

fn score(i: u32) -> f32 {
    return (logits[base + i] - largest) * inverse;
}

// Sums over the tokens whose score is at least each of four, and whose p at least `least`: of p, or of
// how many.
fn above(thread: u32, scores: vec4<f32>, least: f32, counting: bool) -> vec4<f32> {
    var sums = vec4<f32>(0.0);
    for (var i = thread; i < VOCAB; i += THREADS) {
        let s = score(i);
        let p = exp(s);
        let value = select(select(0.0, p, p >= least), 1.0, counting);
        sums += select(vec4<f32>(0.0), vec4<f32>(value), vec4<f32>(s) >= scores);
    }
    return workgroup_sums(thread, sums);
}

// The highest score whose sum `above` still reaches a value.
fn threshold(thread: u32, reach: f32, least: f32, counting: bool) -> f32 {
    var low = LOWEST;
    var high = 0.0;
    for (var cut = 0u; cut < CUTS; cut++) {
        let width = (high - low) * 0.2;
        let scores = low + width * vec4<f32>(1.0, 2.0, 3.0, 4.0);
        let reached = above(thread, scores, least, counting) >= vec4<f32>(reach);
        let kept = vec4<f32>(low, scores.xyz);
        high = select(select(select(select(scores.x, scores.y, reached.x), scores.z, reached.y),
            scores.w, reached.z), high, reached.w);
        low = select(select(select(select(kept.x, scores.x, reached.x), scores.y, reached.y),
            scores.z, reached.z), scores.w, reached.w);
    }
    return low;
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    base = group.x * VOCAB_STRIDE;
    let params = row_params[group.x];
    for (var i = thread; i < banned[0]; i += THREADS) {
        logits[base + banned[i + 1u]] = -3.0e38;
    }
    storageBarrier();
    var best = -3.4e38;
    var best_id = VOCAB;
    for (var i = thread; i < VOCAB; i += THREADS) {
        if logits[base + i] > best {
            best = logits[base + i];
            best_id = i;
        }
    }
    largest = workgroup_max(thread, best);
    let greedy = params.x == 0.0;
    inverse = select(1.0 / max(params.x, 1e-30), 1.0, greedy);
    var mass = 0.0;
    for (var i = thread; i < VOCAB; i += THREADS) {
        mass += exp(score(i));
    }
    let all = workgroup_sum(thread, mass);
    let first = -workgroup_max(thread, -f32(select(VOCAB, best_id, best == largest)));
    if greedy {
        if thread == 0u {
            ids[group.x] = u32(min(first, f32(VOCAB - 1u)));
            logprobs[group.x] = -log(all);
        }
        return;
    }
    // The least exp(..) that is kept; filters apply one after the other.
    var least = 0.0;
    if params.z > 0.0 {
        least = exp(threshold(thread, params.z, 0.0, true));
    }
    if params.y < 1.0 {
        let kept = above(thread, vec4<f32>(LOWEST), least, false).x;
        least = max(least, exp(threshold(thread, params.y * kept, least, false)));
    }
    least = max(least, params.w);
    // From here on a thread has a run of neighbouring tokens.
    let run = (VOCAB + THREADS - 1u) / THREADS;
    let start = min(thread * run, VOCAB);
    let to = min(start + run, VOCAB);
    mass = 0.0;
    var last = VOCAB;
    for (var i = start; i < to; i++) {
        let p = exp(score(i));
        if p >= least && p > 0.0 {
            mass += p;
            last = i;
        }
    }
    masses[thread] = mass;
    let target_mass = draws[group.x] * workgroup_sum(thread, mass);
    var before = 0.0;
    for (var i = 0u; i < thread; i++) {
        before += masses[i];
    }
    // The thread whose run holds the target; where rounding leaves none, the last one with mass.
    let holds = mass > 0.0 && before <= target_mass && target_mass < before + mass;
    let holder = -workgroup_max(thread, select(-f32(THREADS), -f32(thread), holds));
    let filled = workgroup_max(thread, select(-1.0, f32(thread), mass > 0.0));
    if filled < 0.0 && thread == 0u {
        // Logits that are not numbers; neither is `all`.
        ids[group.x] = 0u;
        logprobs[group.x] = all;
    }
    if f32(thread) != select(holder, filled, holder == f32(THREADS)) {
        return;
    }
    var id = last;
    var sum = before;
    for (var i = start; i < to; i++) {
        let p = exp(score(i));
        if p >= least && p > 0.0 {
            sum += p;
            if sum > target_mass {
                id = i;
                break;
            }
        }
    }
    ids[group.x] = id;
    logprobs[group.x] = score(id) - log(all);
}
