// Y = X W^T for many rows of X, with what follows it in the decoder.
//
// Follows product.wgsl and one of weights/*.wgsl.
// Bindings:  4 rows   of x
// Grid:      [groups of 64 outputs (MODE 2: 32), tiles of 64 rows, 1]. A block of 32 columns of the
//            rows and of W lies in shared memory; a thread has rows r + 16 i and columns c + 16 j of
//            the tile, for i and j below 4. With MODE 2 the tile's columns are 32 of G, then their U.
@group(0) @binding(4) var<uniform> rows: vec4<u32>; // x: number of rows

// [8 quads of a block][64], turned by the quad's number so that threads write to different banks.
var<workgroup> x_tile: array<vec4<f32>, 512>;
var<workgroup> w_tile: array<vec4<f32>, 512>;

fn place(quad: u32, index: u32) -> u32 {
    return quad * 64u + (index + quad) % 64u;
}

fn add(x: vec4<f32>, w: vec4<f32>, sum: f32) -> f32 {
    return fma(x.w, w.w, fma(x.z, w.z, fma(x.y, w.y, fma(x.x, w.x, sum))));
}

fn add_row(x: vec4<f32>, w: array<vec4<f32>, 4>, sums: vec4<f32>) -> vec4<f32> {
    return vec4<f32>(
        add(x, w[0], sums.x),
        add(x, w[1], sums.y),
        add(x, w[2], sums.z),
        add(x, w[3], sums.w),
    );
}

fn finish_row(row: u32, output: u32, sums: vec4<f32>) {
    if row >= rows.x {
        return;
    }
    if MODE == 2u {
        for (var j = 0u; j < 2u; j++) {
            if output + 16u * j < OUTPUTS {
                finish(row, output + 16u * j, sums[j], sums[j + 2u]);
            }
        }
        return;
    }
    for (var j = 0u; j < 4u; j++) {
        if output + 16u * j < OUTPUTS {
            finish(row, output + 16u * j, sums[j], 0.0);
        }
    }
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let width = select(64u, 32u, MODE == 2u);
    let first = group.x * width;
    let tile_row = group.y * 64u;
    // What the thread loads: two quads of two rows, and two pairs of quads of an output.
    let load_quad = thread % 8u;
    let load_row = thread / 8u;
    let load_output = thread % 64u;
    let load_pair = thread / 64u;
    let is_up = MODE == 2u && load_output >= 32u;
    let source = first + select(load_output, load_output - 32u, is_up);
    let panel = source / 64u + select(0u, up_panel(), is_up);
    // Rows of the thread's four that there are, in any thread of the workgroup.
    let filled = (min(64u, rows.x - tile_row) + 15u) / 16u;
    let r = thread / 16u;
    let c = thread % 16u;
    var sums0 = vec4<f32>(0.0);
    var sums1 = vec4<f32>(0.0);
    var sums2 = vec4<f32>(0.0);
    var sums3 = vec4<f32>(0.0);
    for (var block = 0u; block < BLOCKS; block++) {
        workgroupBarrier();
        for (var half = 0u; half < 2u; half++) {
            let index = load_row + 32u * half;
            if index < 16u * filled {
                let row = min(tile_row + index, rows.x - 1u);
                x_tile[place(load_quad, index)] = x[(row * BLOCKS + block) * 8u + load_quad];
            }
        }
        let scale = block_scale(panel, block, source % 64u);
        let pair = block_pair(scale, panel, block, source % 64u, load_pair);
        w_tile[place(load_pair, load_output)] = pair[0];
        w_tile[place(load_pair + 4u, load_output)] = pair[1];
        workgroupBarrier();
        for (var quad = 0u; quad < 8u; quad++) {
            let w = array<vec4<f32>, 4>(
                w_tile[place(quad, c)],
                w_tile[place(quad, c + 16u)],
                w_tile[place(quad, c + 32u)],
                w_tile[place(quad, c + 48u)],
            );
            sums0 = add_row(x_tile[place(quad, r)], w, sums0);
            if filled > 1u {
                sums1 = add_row(x_tile[place(quad, r + 16u)], w, sums1);
            }
            if filled > 2u {
                sums2 = add_row(x_tile[place(quad, r + 32u)], w, sums2);
            }
            if filled > 3u {
                sums3 = add_row(x_tile[place(quad, r + 48u)], w, sums3);
            }
        }
    }
    let output = first + c;
    finish_row(tile_row + r, output, sums0);
    finish_row(tile_row + r + 16u, output, sums1);
    finish_row(tile_row + r + 32u, output, sums2);
    finish_row(tile_row + r + 48u, output, sums3);
}
