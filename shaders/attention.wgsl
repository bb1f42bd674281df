// Attention of one query head over a part of the tokens that its row sees, by online softmax.
//
// A row sees a prompt, which several rows may share, and then its own tokens up to itself:
//   softmax(q K^T / sqrt(HEAD_DIM)) V.
// Long contexts are split into parts of PART tokens, which attention_combine.wgsl puts together.
// Bindings:  0 qkv      [rows, QKV_STRIDE], queries first, rotated
//            1 keys     [cache tokens, KV_HEADS HEAD_DIM]
//            2 values   the same
//            3 rows     descriptors
//            4 parts    [rows, HEADS, most parts, HEAD_DIM + 2]: sum of p V, largest score, sum of p
//            5 counts   x: most parts of a row
// Grid:      [rows, HEADS, most parts]; a workgroup has a part.
override HEADS: u32;
override KV_HEADS: u32;
override HEAD_DIM: u32; // at most 256
override QKV_STRIDE: u32;
override PART: u32;

struct Row {
    prompt_start: u32,
    prompt_len: u32,
    own_start: u32,
    own_len: u32, // itself included
    position: u32,
}

@group(0) @binding(0) var<storage, read> qkv: array<f32>; // [rows, QKV_STRIDE]
@group(0) @binding(1) var<storage, read> keys: array<f32>; // [cache tokens, KV_HEADS HEAD_DIM]
@group(0) @binding(2) var<storage, read> values: array<f32>; // the same
@group(0) @binding(3) var<storage, read> rows: array<Row>;
@group(0) @binding(4) var<storage, read_write> parts: array<f32>; // [rows, HEADS, parts, HEAD_DIM + 2]
@group(0) @binding(5) var<uniform> counts: vec4<u32>;

const LOWEST = -3.0e38;
var<workgroup> q: array<f32, 256>;
var<workgroup> scores: array<f32, 64>;

// Where token t of a row begins in the cache.
fn token_at(row: Row, t: u32) -> u32 {
    let at = select(row.own_start + t - row.prompt_len, row.prompt_start + t, t < row.prompt_len);
    return at * KV_HEADS * HEAD_DIM;
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let row = rows[group.x];
    let head = group.y;
    let tokens = row.prompt_len + row.own_len;
    let start = group.z * PART;
    let to = min(tokens, start + PART);
    if start >= to {
        return;
    }
    let kv = head / (HEADS / KV_HEADS) * HEAD_DIM;
    let scale = 1.0 / sqrt(f32(HEAD_DIM));
    for (var i = thread; i < HEAD_DIM; i += 64u) {
        q[i] = qkv[group.x * QKV_STRIDE + head * HEAD_DIM + i] * scale;
    }
    var mixed: array<f32, 4>;
    var largest = LOWEST;
    var sum = 0.0;
    for (var tile = start; tile < to; tile += 64u) {
        workgroupBarrier();
        var score = LOWEST;
        if tile + thread < to {
            let key = token_at(row, tile + thread) + kv;
            score = 0.0;
            for (var i = 0u; i < HEAD_DIM; i++) {
                score = fma(q[i], keys[key + i], score);
            }
        }
        scores[thread] = score;
        workgroupBarrier();
        let count = min(64u, to - tile);
        var next = largest;
        for (var i = 0u; i < count; i++) {
            next = max(next, scores[i]);
        }
        let keep = exp(largest - next);
        largest = next;
        workgroupBarrier();
        scores[thread] = exp(score - largest);
        workgroupBarrier();
        sum *= keep;
        for (var c = 0u; c < 4u; c++) {
            mixed[c] *= keep;
        }
        for (var i = 0u; i < count; i++) {
            let p = scores[i];
            sum += p;
            let value = token_at(row, tile + i) + kv;
            for (var c = 0u; c * 64u + thread < HEAD_DIM; c++) {
                mixed[c] = fma(p, values[value + c * 64u + thread], mixed[c]);
            }
        }
    }
    let out = ((group.x * HEADS + head) * counts.x + group.z) * (HEAD_DIM + 2u);
    for (var c = 0u; c * 64u + thread < HEAD_DIM; c++) {
        parts[out + c * 64u + thread] = mixed[c];
    }
    if thread == 0u {
        parts[out + HEAD_DIM] = largest;
        parts[out + HEAD_DIM + 1u] = sum;
    }
}
