// Rows of the embedding: x[r] = W[id[r]], for the ids whose rows lie in this part of W.
//
// Follows one of weights/*.wgsl.
// Bindings:  0 W (see there)
//            1 ids   [rows]
//            2 x     [rows, 32 BLOCKS]
// Grid:      [rows, blocks of 64 x 32 columns, 1]; a thread writes 32 columns.
override BLOCKS: u32;
override FIRST_OUTPUT: u32 = 0u;
override OUTPUTS: u32;

@group(0) @binding(1) var<storage, read> ids: array<u32>; // [rows]
@group(0) @binding(2) var<storage, read_write> x: array<vec4<f32>>; // [rows, 8 BLOCKS]

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let id = ids[group.x];
    let block = group.y * 64u + thread;
    if id < FIRST_OUTPUT || id - FIRST_OUTPUT >= OUTPUTS || block >= BLOCKS {
        return;
    }
    let row = id - FIRST_OUTPUT;
    let values = block_values(row / 64u, block, row % 64u);
    for (var i = 0u; i < 8u; i++) {
        x[(group.x * BLOCKS + block) * 8u + i] = values[i];
    }
}
