// Draws a token from each row of logits and gives its log-probability.
//
// p(i) = exp((logit(i) - largest) / T). Greedy (T = 0): the largest logit, the first of equals, and
// the log-probability at T = 1. Else top-k and top-p keep the tokens whose probability is at least a
// threshold found by bisection, and the draw inverts their cumulative distribution in order of id.
// The log-probability is that before the filters: (logit - largest) / T - log sum p.
// Bindings:  0 logits   [rows, VOCAB_STRIDE]
//            1 draws    [rows] uniform in [0, 1)
//            2 ids      [rows]
//            3 logprobs [rows]
//            4 params   x: T, y: top-p (1: all), z: top-k (0: all), w: min-p
// Grid:      [rows, 1, 1]; a workgroup has a row, a thread a run of neighbouring tokens.
override VOCAB: u32;
override VOCAB_STRIDE: u32;

@group(0) @binding(0) var<storage, read> logits: array<f32>; // [rows, VOCAB_STRIDE]
@group(0) @binding(1) var<storage, read> draws: array<f32>; // [rows]
@group(0) @binding(2) var<storage, read_write> ids: array<u32>; // [rows]
@group(0) @binding(3) var<storage, read_write> logprobs: array<f32>; // [rows]
@group(0) @binding(4) var<uniform> params: vec4<f32>;

const THREADS = 256u;
const BISECTIONS = 40u;
var<workgroup> values: array<f32, 256>;
var<workgroup> counts: array<u32, 256>;

fn total(thread: u32, value: f32, count: u32) -> vec2<f32> {
    workgroupBarrier();
    values[thread] = value;
    counts[thread] = count;
    workgroupBarrier();
    var sum = vec2<f32>(0.0);
    for (var i = 0u; i < THREADS; i++) {
        sum += vec2<f32>(values[i], f32(counts[i]));
    }
    return sum;
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let base = group.x * VOCAB_STRIDE;
    let run = (VOCAB + THREADS - 1u) / THREADS;
    let start = min(thread * run, VOCAB);
    let to = min(start + run, VOCAB);
    var best = -3.0e38;
    var best_id = 0u;
    for (var i = start; i < to; i++) {
        if logits[base + i] > best {
            best = logits[base + i];
            best_id = i;
        }
    }
    values[thread] = best;
    counts[thread] = best_id;
    workgroupBarrier();
    var largest = values[0];
    var largest_id = counts[0];
    for (var i = 1u; i < THREADS; i++) {
        if values[i] > largest {
            largest = values[i];
            largest_id = counts[i];
        }
    }
    let greedy = params.x == 0.0;
    let inverse = select(1.0 / max(params.x, 1e-30), 1.0, greedy);
    var mass = 0.0;
    for (var i = start; i < to; i++) {
        mass += exp((logits[base + i] - largest) * inverse);
    }
    let all = total(thread, mass, 0u).x;
    if greedy {
        if thread == 0u {
            ids[group.x] = largest_id;
            logprobs[group.x] = -log(all);
        }
        return;
    }
    // The least exp(..) that is kept; filters apply one after the other.
    var least = 0.0;
    if params.z > 0.0 {
        var low = -104.0;
        var high = 0.0;
        for (var step = 0u; step < BISECTIONS; step++) {
            let middle = 0.5 * (low + high);
            var count = 0u;
            for (var i = start; i < to; i++) {
                count += select(0u, 1u, (logits[base + i] - largest) * inverse >= middle);
            }
            if total(thread, 0.0, count).y >= params.z {
                low = middle;
            } else {
                high = middle;
            }
        }
        least = exp(low);
    }
    if params.y < 1.0 {
        var kept = 0.0;
        for (var i = start; i < to; i++) {
            let p = exp((logits[base + i] - largest) * inverse);
            kept += select(0.0, p, p >= least);
        }
        let reach = params.y * total(thread, kept, 0u).x;
        var low = -104.0;
        var high = 0.0;
        for (var step = 0u; step < BISECTIONS; step++) {
            let middle = 0.5 * (low + high);
            var sum = 0.0;
            for (var i = start; i < to; i++) {
                let score = (logits[base + i] - largest) * inverse;
                let p = exp(score);
                sum += select(0.0, p, score >= middle && p >= least);
            }
            if total(thread, sum, 0u).x >= reach {
                low = middle;
            } else {
                high = middle;
            }
        }
        least = max(least, exp(low));
    }
    least = max(least, params.w);
    mass = 0.0;
    var last = VOCAB;
    for (var i = start; i < to; i++) {
        let p = exp((logits[base + i] - largest) * inverse);
        if p >= least && p > 0.0 {
            mass += p;
            last = i;
        }
    }
    let target_mass = draws[group.x] * total(thread, mass, 0u).x;
    var before = 0.0;
    for (var i = 0u; i < thread; i++) {
        before += values[i];
    }
    // The thread whose run holds the target; where rounding leaves none, the last one with mass.
    let holds = mass > 0.0 && before <= target_mass && target_mass < before + mass;
    workgroupBarrier();
    counts[thread] = select(select(0u, 1u, mass > 0.0), 2u, holds);
    workgroupBarrier();
    var chosen = 0u;
    var found = false;
    for (var i = 0u; i < THREADS; i++) {
        if counts[i] == 2u && !found {
            chosen = i;
            found = true;
        } else if counts[i] == 1u && !found {
            chosen = i;
        }
    }
    if thread != chosen {
        return;
    }
    var id = last;
    var sum = before;
    for (var i = start; i < to; i++) {
        let p = exp((logits[base + i] - largest) * inverse);
        if p >= least && p > 0.0 {
            sum += p;
            if sum > target_mass {
                id = i;
                break;
            }
        }
    }
    ids[group.x] = id;
    logprobs[group.x] = (logits[base + id] - largest) * inverse - log(all);
}
