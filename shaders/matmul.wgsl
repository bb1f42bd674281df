// Y = X W^T for many rows of X, with what follows it in the decoder.
//
// Follows product.wgsl and one of weights/*.wgsl.
// Where there are few tiles, workgroups share the columns: each writes its sums apart, and the same
// shader with SUM adds them up.
// Bindings:  4 counts   word 0: rows of x, word WHICH: workgroups that share a tile
//            5 parts    [tiles, sharing workgroups, 4, 256] quads
// Grid:      [groups of 64 outputs (MODE 2: 32), tiles of 64 rows, sharing workgroups (SUM: 1)]. A
//            block of 32 columns of the rows and of W lies in shared memory; a thread has rows
//            r + 16 i and columns c + 16 j of the tile, for i and j below 4. With MODE 2 the tile's
//            columns are 32 of G, then their U.
override WHICH: u32;
override SUM: bool = false;

@group(0) @binding(4) var<uniform> counts: array<vec4<u32>, 2>;
@group(0) @binding(5) var<storage, read_write> parts: array<vec4<f32>>;

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
    if row >= counts[0].x {
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
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let rows = counts[0].x;
    let sharing = counts[WHICH / 4u][WHICH % 4u];
    let part = (group.y * groups.x + group.x) * sharing;
    let first = group.x * select(64u, 32u, MODE == 2u);
    let tile_row = group.y * 64u;
    let r = thread / 16u;
    let c = thread % 16u;
    var sums0 = vec4<f32>(0.0);
    var sums1 = vec4<f32>(0.0);
    var sums2 = vec4<f32>(0.0);
    var sums3 = vec4<f32>(0.0);
    if SUM {
        for (var i = 0u; i < sharing; i++) {
            let at = (part + i) * 1024u + thread;
            sums0 += parts[at];
            sums1 += parts[at + 256u];
            sums2 += parts[at + 512u];
            sums3 += parts[at + 768u];
        }
    } else {
        // What the thread loads: a quad of two rows, and two quads of an output.
        let load_quad = thread % 8u;
        let load_row = thread / 8u;
        let load_output = thread % 64u;
        let load_pair = thread / 64u;
        let is_up = MODE == 2u && load_output >= 32u;
        let source = first + select(load_output, load_output - 32u, is_up);
        let panel = source / 64u + select(0u, up_panel(), is_up);
        let x_at = min(tile_row + load_row, rows - 1u) * BLOCKS * 8u + load_quad;
        let later_x_at = min(tile_row + load_row + 32u, rows - 1u) * BLOCKS * 8u + load_quad;
        // Rows of the thread's four that there are, in any thread of the workgroup.
        let filled = (min(64u, rows - tile_row) + 15u) / 16u;
        let to = (group.z + 1u) * BLOCKS / sharing;
        for (var block = group.z * BLOCKS / sharing; block < to; block++) {
            let x_quad = x[x_at + block * 8u];
            let later_x_quad = x[later_x_at + block * 8u];
            let scale = block_scale(panel, block, source % 64u);
            let pair = block_pair(scale, panel, block, source % 64u, load_pair);
            workgroupBarrier();
            x_tile[place(load_quad, load_row)] = x_quad;
            x_tile[place(load_quad, load_row + 32u)] = later_x_quad;
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
        if sharing > 1u {
            let at = (part + group.z) * 1024u + thread;
            parts[at] = sums0;
            parts[at + 256u] = sums1;
            parts[at + 512u] = sums2;
            parts[at + 768u] = sums3;
            return;
        }
    }
    let output = first + c;
    finish_row(tile_row + r, output, sums0);
    finish_row(tile_row + r + 16u, output, sums1);
    finish_row(tile_row + r + 32u, output, sums2);
    finish_row(tile_row + r + 48u, output, sums3);
}
