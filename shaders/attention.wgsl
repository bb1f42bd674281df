// Attention of one query head over a part of the tokens that its row sees.
//
// A row sees a prompt, which several rows may share, and then its own tokens up to itself:
//   softmax(q K^T / sqrt(HEAD_DIM)) V.
// Long contexts are split into parts of 256 tokens, which attention_combine.wgsl puts together; where
// no row has more than one, the result is written here.
// Follows rows.wgsl and one of reduce/*.wgsl.
// Bindings:  0 qkv      [rows, QKV_STRIDE], queries first, rotated
//            1 keys     [cache tokens, KV_HEADS, HEAD_QUADS] quads
//            2 values   the same
//            3 rows     descriptors
//            4 parts    [rows, HEADS, most parts, HEAD_DIM + 2]: sum of p V, largest score, sum of p
//            5 counts   x: most parts of a row
//            6 mixed    [rows, OUTPUT_STRIDE]
// Grid:      [rows, HEADS, most parts]; a workgroup has a part, a thread a token's score and then four
//            columns of every so many tokens' values.
override HEADS: u32;
override KV_HEADS: u32;
override HEAD_DIM: u32; // at most 256
override HEAD_QUADS: u32; // of four columns
override QKV_STRIDE: u32;
override OUTPUT_STRIDE: u32;

@group(0) @binding(0) var<storage, read> qkv: array<f32>; // [rows, QKV_STRIDE]
@group(0) @binding(1) var<storage, read> keys: array<vec4<f32>>; // [cache tokens, KV_HEADS, HEAD_QUADS]
@group(0) @binding(2) var<storage, read> values: array<vec4<f32>>; // the same
@group(0) @binding(3) var<storage, read> rows: array<Row>;
@group(0) @binding(4) var<storage, read_write> parts: array<f32>; // [rows, HEADS, parts, HEAD_DIM + 2]
@group(0) @binding(5) var<uniform> counts: vec4<u32>;
@group(0) @binding(6) var<storage, read_write> mixed: array<f32>; // [rows, OUTPUT_STRIDE]

const LOWEST = -3.0e38;
const THREADS = 256u; // and tokens of a part
var<workgroup> q: array<vec4<f32>, 64>;
var<workgroup> weights: array<f32, THREADS>;
var<workgroup> sums: array<vec4<f32>, THREADS>;

// Where token t of a row begins in the cache, in quads.
fn token_at(row: Row, t: u32) -> u32 {
    let at = select(row.own_start + t - row.prompt_len, row.prompt_start + t, t < row.prompt_len);
    return at * KV_HEADS * HEAD_QUADS;
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let row = rows[group.x];
    let head = group.y;
    let start = group.z * THREADS;
    let tokens = row.prompt_len + row.own_len;
    let count = min(tokens, start + THREADS) - min(tokens, start);
    let kv = head / (HEADS / KV_HEADS) * HEAD_QUADS;
    if thread < HEAD_QUADS {
        let scale = 1.0 / sqrt(f32(HEAD_DIM));
        var quad = vec4<f32>(0.0);
        for (var i = 0u; i < 4u; i++) {
            if 4u * thread + i < HEAD_DIM {
                quad[i] = qkv[group.x * QKV_STRIDE + head * HEAD_DIM + 4u * thread + i] * scale;
            }
        }
        q[thread] = quad;
    }
    workgroupBarrier();
    var score = LOWEST;
    if thread < count {
        let key = token_at(row, start + thread) + kv;
        var products = vec4<f32>(0.0);
        for (var i = 0u; i < HEAD_QUADS; i++) {
            products = fma(q[i], keys[key + i], products);
        }
        score = products.x + products.y + products.z + products.w;
    }
    let largest = workgroup_max(thread, score);
    let weight = select(0.0, exp(score - largest), thread < count);
    weights[thread] = weight;
    let sum = workgroup_sum(thread, weight);
    let lanes = THREADS / HEAD_QUADS;
    let quad = thread % HEAD_QUADS;
    let lane = thread / HEAD_QUADS;
    var value = vec4<f32>(0.0);
    if lane < lanes {
        for (var t = lane; t < count; t += lanes) {
            value = fma(vec4<f32>(weights[t]), values[token_at(row, start + t) + kv + quad], value);
        }
    }
    sums[thread] = value;
    workgroupBarrier();
    if thread >= HEAD_QUADS || count == 0u {
        return;
    }
    for (var other = 1u; other < lanes; other++) {
        value += sums[other * HEAD_QUADS + thread];
    }
    let single = counts.x == 1u;
    let part = ((group.x * HEADS + head) * counts.x + group.z) * (HEAD_DIM + 2u);
    for (var i = 0u; i < 4u; i++) {
        let column = 4u * thread + i;
        if column < HEAD_DIM && single {
            mixed[group.x * OUTPUT_STRIDE + head * HEAD_DIM + column] = value[i] / sum;
        } else if column < HEAD_DIM {
            parts[part + column] = value[i];
        }
    }
    if thread == 0u && !single {
        parts[part + HEAD_DIM] = largest;
        parts[part + HEAD_DIM + 1u] = sum;
    }
}
