//! The kernel of [`super::product`].

use super::{DEPTH, Tile};
use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;

/// Four values, of four columns or rows next to each other.
type Quad = Vector<f32, Const<4>>;

/// Which values of a factor a cube reads.
#[derive(CubeType)]
struct Part {
    /// Where the batch begins, and values from one line, or place of the summed axis, to the next.
    start: usize,
    stride: usize,
    /// First line, and lines of the factor.
    first: usize,
    lines: usize,
    /// Where the terms end.
    terms: usize,
}

/// Up to four values from `start`, `inside` of which exist; zero for the others.
#[cube]
fn read_quad<N: Size>(
    x: &[Vector<f32, N>],
    start: usize,
    inside: usize,
    #[comptime] wide: bool,
) -> Quad {
    let mut quad = Quad::new(0.0f32);
    if comptime!(wide) {
        if inside > 0 {
            quad = Quad::cast_from(x[start / 4]);
        }
    } else {
        #[unroll]
        for i in 0..4usize {
            if i < inside {
                quad.insert(i, x[start + i].extract(0usize));
            }
        }
    }
    quad
}

/// A block of four lines and four terms of a factor into `blocks` from `at` on.
#[cube]
fn read_block<N: Size>(
    x: &[Vector<f32, N>],
    blocks: &mut Array<Quad>,
    #[comptime] at: usize,
    part: &Part,
    line: usize,
    term: usize,
    #[comptime] layout: (bool, bool),
) {
    #[unroll]
    for i in 0..4usize {
        let mut place = part.start;
        let mut inside = 0usize;
        if comptime!(layout.0) {
            place += (line + i) * part.stride + term;
            if line + i < part.lines && term < part.terms {
                inside = part.terms - term;
            }
        } else {
            place += (term + i) * part.stride + line;
            if term + i < part.terms && line < part.lines {
                inside = part.lines - line;
            }
        }
        blocks[at + i] = read_quad(x, place, inside, layout.1);
    }
}

/// Place `(quad of lines, quad of terms)` of block `i` of a tile that has `quads` of lines.
#[cube]
fn block_place(i: usize, #[comptime] quads: usize, #[comptime] along: bool) -> (usize, usize) {
    if comptime!(along) {
        // Two units read 32 bytes of a line together and no four write to the same bank.
        ((i / 2) % quads, i / (2 * quads) * 2 + i % 2)
    } else {
        (i % quads, i / quads)
    }
}

/// A block to its place in shared memory, where the lines of one term follow each other.
#[cube]
fn store_block(
    blocks: &Array<Quad>,
    #[comptime] at: usize,
    shared: &mut Shared<[Quad]>,
    quad: usize,
    term: usize,
    #[comptime] quads: usize,
    #[comptime] along: bool,
) {
    #[unroll]
    for i in 0..4usize {
        let place = (4 * term + i) * quads + quad;
        if comptime!(along) {
            let mut turned = Quad::new(blocks[at].extract(i));
            turned.insert(1usize, blocks[at + 1].extract(i));
            turned.insert(2usize, blocks[at + 2].extract(i));
            turned.insert(3usize, blocks[at + 3].extract(i));
            shared[place] = turned;
        } else {
            shared[place] = blocks[at + i];
        }
    }
}

/// Reads this unit's blocks of the tile that begins at `first_term`.
#[cube]
fn read_tile<N: Size>(
    x: &[Vector<f32, N>],
    blocks: &mut Array<Quad>,
    unit: usize,
    part: &Part,
    first_term: usize,
    #[comptime] layout: (bool, bool),
    #[comptime] quads: usize,
    #[comptime] units: usize,
) {
    let total = comptime!(quads * DEPTH / 4);
    #[unroll]
    for i in 0..comptime!(total.div_ceil(units)) {
        let id = unit + i * units;
        if id < total {
            let (quad, term) = block_place(id, quads, layout.0);
            let (line, term) = (part.first + 4 * quad, first_term + 4 * term);
            read_block(x, blocks, comptime!(4 * i), part, line, term, layout);
        }
    }
}

#[cube]
fn store_tile(
    blocks: &Array<Quad>,
    shared: &mut Shared<[Quad]>,
    unit: usize,
    #[comptime] along: bool,
    #[comptime] quads: usize,
    #[comptime] units: usize,
) {
    let total = comptime!(quads * DEPTH / 4);
    #[unroll]
    for i in 0..comptime!(total.div_ceil(units)) {
        let id = unit + i * units;
        if id < total {
            let (quad, term) = block_place(id, quads, along);
            store_block(blocks, comptime!(4 * i), shared, quad, term, quads, along);
        }
    }
}

/// `out[piece, batch, row, column]`: the sum over the terms of a piece.
#[cube(launch_unchecked)]
pub(super) fn product_kernel<NA: Size, NB: Size, NC: Size>(
    a: &[Vector<f32, NA>],
    b: &[Vector<f32, NB>],
    out: &mut [Vector<f32, NC>],
    rows: usize,
    columns: usize,
    terms: usize,
    piece_terms: usize,
    batches: usize,
    inner: usize,
    a_stride: usize,
    a_outer: usize,
    a_inner: usize,
    b_stride: usize,
    b_outer: usize,
    b_inner: usize,
    #[comptime] tile: Tile,
    #[comptime] a_layout: (bool, bool),
    #[comptime] b_layout: (bool, bool),
    #[comptime] wide: bool,
) {
    let (units_m, units_n) = comptime!((tile.units[0], tile.units[1]));
    let (quads_m, quads_n) = comptime!((tile.quads[0], tile.quads[1]));
    let units = comptime!(units_m * units_n);
    let (a_quads, b_quads) = comptime!((tile.rows() / 4, tile.columns() / 4));

    let mut a_tile = Shared::<[Quad]>::new_slice(comptime!(a_quads * DEPTH));
    let mut b_tile = Shared::<[Quad]>::new_slice(comptime!(b_quads * DEPTH));
    let mut a_next = Array::<Quad>::new(comptime!((a_quads * DEPTH / 4).div_ceil(units) * 4));
    let mut b_next = Array::<Quad>::new(comptime!((b_quads * DEPTH / 4).div_ceil(units) * 4));
    let mut a_line = Array::<Quad>::new(quads_m);
    let mut b_line = Array::<Quad>::new(quads_n);
    let mut sums = Array::<Quad>::new(comptime!(4 * quads_m * quads_n));
    #[unroll]
    for i in 0..comptime!(4 * quads_m * quads_n) {
        sums[i] = Quad::new(0.0f32);
    }

    let unit = UNIT_POS as usize;
    // The units that read the first blocks of `b` are not those that read the first ones of `a`.
    let other = comptime!(units - 1) - unit;
    let (unit_row, unit_column) = (unit / units_n, unit % units_n);
    let first_row = CUBE_POS_Y as usize * comptime!(tile.rows());
    let first_column = CUBE_POS_X as usize * comptime!(tile.columns());
    let z = CUBE_POS_Z as usize;
    let batch = z % batches;
    let from = z / batches * piece_terms;
    let past = from + piece_terms;
    let to = select(past < terms, past, terms);
    let steps = (to - from + comptime!(DEPTH - 1)) / DEPTH;
    let a_part = Part {
        start: batch / inner * a_outer + batch % inner * a_inner,
        stride: a_stride,
        first: first_row,
        lines: rows,
        terms: to,
    };
    let b_part = Part {
        start: batch / inner * b_outer + batch % inner * b_inner,
        stride: b_stride,
        first: first_column,
        lines: columns,
        terms: to,
    };

    read_tile(a, &mut a_next, unit, &a_part, from, a_layout, a_quads, units);
    read_tile(b, &mut b_next, other, &b_part, from, b_layout, b_quads, units);
    for step in 0..steps {
        sync_cube();
        store_tile(&a_next, &mut a_tile, unit, a_layout.0, a_quads, units);
        store_tile(&b_next, &mut b_tile, other, b_layout.0, b_quads, units);
        sync_cube();
        // The next tiles are on their way while these are used.
        let next = from + (step + 1) * DEPTH;
        read_tile(a, &mut a_next, unit, &a_part, next, a_layout, a_quads, units);
        read_tile(b, &mut b_next, other, &b_part, next, b_layout, b_quads, units);
        #[unroll]
        for k in 0..DEPTH {
            #[unroll]
            for r in 0..quads_m {
                a_line[r] = a_tile[k * a_quads + unit_row + r * units_m];
            }
            #[unroll]
            for c in 0..quads_n {
                b_line[c] = b_tile[k * b_quads + unit_column + c * units_n];
            }
            #[unroll]
            for r in 0..quads_m {
                #[unroll]
                for i in 0..4usize {
                    let factor = Quad::new(a_line[r].extract(i));
                    #[unroll]
                    for c in 0..quads_n {
                        let at = comptime!((4 * r + i) * quads_n + c);
                        sums[at] = fma(factor, b_line[c], sums[at]);
                    }
                }
            }
        }
    }

    #[unroll]
    for r in 0..quads_m {
        #[unroll]
        for i in 0..4usize {
            let row = first_row + 4 * (unit_row + r * units_m) + i;
            #[unroll]
            for c in 0..quads_n {
                let column = first_column + 4 * (unit_column + c * units_n);
                let at = comptime!((4 * r + i) * quads_n + c);
                let place = (z * rows + row) * columns + column;
                if row < rows {
                    if comptime!(wide) {
                        if column < columns {
                            out[place / 4] = Vector::cast_from(sums[at]);
                        }
                    } else {
                        #[unroll]
                        for j in 0..4usize {
                            if column + j < columns {
                                out[place + j] = Vector::cast_from(sums[at].extract(j));
                            }
                        }
                    }
                }
            }
        }
    }
}
