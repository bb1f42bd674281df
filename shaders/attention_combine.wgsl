// Puts the parts of attention.wgsl together: with s the largest score of a part, l its sum of
// exponentials and a its weighted sum of values,
//   out = sum(exp(s - max s) a) / sum(exp(s - max s) l).
// Follows rows.wgsl.
// Bindings:  0 parts    [rows, HEADS, most parts, HEAD_DIM + 2]
//            1 rows     descriptors
//            2 mixed    [rows, OUTPUT_STRIDE]
//            3 counts   x: most parts of a row
// Grid:      [rows, HEADS, 1]; a workgroup has a head.
override HEADS: u32;
override HEAD_DIM: u32;
override OUTPUT_STRIDE: u32;
override PART: u32;

@group(0) @binding(0) var<storage, read> parts: array<f32>; // [rows, HEADS, parts, HEAD_DIM + 2]
@group(0) @binding(1) var<storage, read> rows: array<Row>;
@group(0) @binding(2) var<storage, read_write> mixed: array<f32>; // [rows, OUTPUT_STRIDE]
@group(0) @binding(3) var<uniform> counts: vec4<u32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let row = rows[group.x];
    let count = (row.prompt_len + row.own_len + PART - 1u) / PART;
    let width = HEAD_DIM + 2u;
    let start = (group.x * HEADS + group.y) * counts.x * width;
    var largest = parts[start + HEAD_DIM];
    for (var part = 1u; part < count; part++) {
        largest = max(largest, parts[start + part * width + HEAD_DIM]);
    }
    var sum = 0.0;
    for (var part = 0u; part < count; part++) {
        let at = start + part * width + HEAD_DIM;
        sum += exp(parts[at] - largest) * parts[at + 1u];
    }
    let out = group.x * OUTPUT_STRIDE + group.y * HEAD_DIM;
    for (var i = thread; i < HEAD_DIM; i += 64u) {
        var value = 0.0;
        for (var part = 0u; part < count; part++) {
            let at = start + part * width;
            value += exp(parts[at + HEAD_DIM] - largest) * parts[at + i];
        }
        mixed[out + i] = value / sum;
    }
}
