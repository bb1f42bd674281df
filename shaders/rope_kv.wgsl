// Norms (Qwen3) and rotates queries and keys, and writes keys and values into the cache.
//
// The halves (a, b) of a head become (a cos - b sin, b cos + a sin) at the row's position
// (arXiv 2104.09864).
// Follows rows.wgsl and one of reduce/*.wgsl.
// Bindings:  0 qkv      [rows, QKV_STRIDE]: HEADS queries, KV_HEADS keys, KV_HEADS values
//            1 keys     [cache tokens, KV_HEADS, 4 HEAD_QUADS]
//            2 values   the same
//            3 rows     descriptors
//            4 angles   [positions, HEAD_DIM / 2] of (cos, sin)
//            5 norms    [2, HEAD_DIM] of query and key where HAS_NORMS, else anything
// Grid:      [rows, HEADS + 2 KV_HEADS, 1]; a workgroup has a head.
override HEADS: u32;
override KV_HEADS: u32;
override HEAD_DIM: u32;
override HEAD_QUADS: u32; // of four columns
override QKV_STRIDE: u32;
override HAS_NORMS: bool = false;
override EPS: f32 = 0.0;

@group(0) @binding(0) var<storage, read_write> qkv: array<f32>; // [rows, QKV_STRIDE]
@group(0) @binding(1) var<storage, read_write> keys: array<f32>; // [cache tokens, KV_HEADS, 4 HEAD_QUADS]
@group(0) @binding(2) var<storage, read_write> values: array<f32>; // the same
@group(0) @binding(3) var<storage, read> rows: array<Row>;
@group(0) @binding(4) var<storage, read> angles: array<vec2<f32>>; // [positions, HEAD_DIM / 2]
@group(0) @binding(5) var<storage, read> norms: array<f32>; // [2, HEAD_DIM]

const THREADS = 64u;

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let row = rows[group.x];
    let head = group.y;
    let start = group.x * QKV_STRIDE + head * HEAD_DIM;
    let token = row.own_start + row.own_len - 1u;
    if head >= HEADS + KV_HEADS {
        let to = (token * KV_HEADS + head - HEADS - KV_HEADS) * 4u * HEAD_QUADS;
        for (var i = thread; i < HEAD_DIM; i += THREADS) {
            values[to + i] = qkv[start + i];
        }
        return;
    }
    let is_key = head >= HEADS;
    let norm = select(0u, HEAD_DIM, is_key);
    var inverse = 1.0;
    if HAS_NORMS {
        var sum = 0.0;
        for (var i = thread; i < HEAD_DIM; i += THREADS) {
            sum = fma(qkv[start + i], qkv[start + i], sum);
        }
        inverse = 1.0 / sqrt(workgroup_sum(thread, sum) / f32(HEAD_DIM) + EPS);
    }
    let half = HEAD_DIM / 2u;
    let to = (token * KV_HEADS + head - HEADS) * 4u * HEAD_QUADS;
    for (var i = thread; i < half; i += THREADS) {
        var a = qkv[start + i];
        var b = qkv[start + half + i];
        if HAS_NORMS {
            a = a * inverse * norms[norm + i];
            b = b * inverse * norms[norm + half + i];
        }
        let angle = angles[row.position * half + i];
        let turned = vec2<f32>(a * angle.x - b * angle.y, b * angle.x + a * angle.y);
        if is_key {
            keys[to + i] = turned.x;
            keys[to + half + i] = turned.y;
        } else {
            qkv[start + i] = turned.x;
            qkv[start + half + i] = turned.y;
        }
    }
}
