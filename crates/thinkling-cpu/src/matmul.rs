//! Products of matrices in host memory.
//!
//! The right operand is packed once in panels of two vectors of columns and used many times;
//! rows of the left one are packed by blocks. A kernel holds a block of rows times a panel in
//! registers and walks the inner dimension from front to back. Each value of the product is
//! therefore one chain of additions in one order: it depends neither on the number of threads nor on
//! which rows are computed together.
//!
//! For operands that are used once the crate `gemm` is as fast; these products are for decoding.

use crate::scratch::{Aligned, with_block, with_scratch};
use crate::threads;
use crate::vector::lanes;
use pulp::{Arch, Simd, WithSimd};
use std::ops::Range;

/// Vectors side by side in a panel.
const VECTORS: usize = 2;
/// Bytes of packed rows that a task works on: they stay in the second cache beside a panel.
const ROWS_BYTES: usize = 256 << 10;
/// Tasks a thread, so that one that is late does not hold up the others for long.
const TASKS: usize = 4;

/// A matrix in a slice: element `(i, j)` lies at `i * row + j * column`.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The values.
    pub data: &'a [f32],
    /// Distance between rows.
    pub row: usize,
    /// Distance between columns.
    pub column: usize,
}

impl<'a> View<'a> {
    /// Rows of `width` values one after the other.
    pub fn rows(data: &'a [f32], width: usize) -> Self {
        Self { data, row: width, column: 1 }
    }

    /// The transposed matrix.
    pub fn t(self) -> Self {
        Self { row: self.column, column: self.row, ..self }
    }

    /// Whether a matrix of that many rows and columns lies inside the slice.
    pub fn holds(&self, rows: usize, columns: usize) -> bool {
        rows == 0
            || columns == 0
            || (rows - 1) * self.row + (columns - 1) * self.column < self.data.len()
    }
}

/// What happens to the old values of a product's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// They are overwritten.
    Set,
    /// The product is added to them.
    Add,
}

/// How packed values are kept. Products are computed in f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// As they are.
    #[default]
    F32,
    /// Rounded to the nearest bfloat16: half the memory, and half the time where reading the
    /// weights is what takes it.
    Bf16,
}

/// The values of all panels.
#[derive(Debug)]
enum Panels {
    F32(Aligned),
    /// A word holds a value of the first vector in its lower half and one of the second in its
    /// upper half.
    Bf16(Aligned<u32>),
}

/// A right operand `[k, n]` in panels, zeros behind its last column.
#[derive(Debug)]
pub struct Packed {
    panels: Panels,
    k: usize,
    n: usize,
    width: usize,
}

impl Packed {
    /// Packs `b` `[k, n]`.
    ///
    /// # Panics
    /// Where `b` does not lie inside its slice.
    pub fn new(b: View<'_>, k: usize, n: usize, precision: Precision) -> Self {
        let width = panel_width();
        assert!(b.holds(k, n), "a packed matrix lies inside its slice");
        let panel = (k * width).max(1);
        let count = n.div_ceil(width);
        let panels = match precision {
            Precision::F32 => {
                let mut panels = Aligned::of(count * k * width);
                threads::chunks_mut(panels.as_mut_slice(), panel, |i, panel| {
                    pack_panel(b, [k, n, width], i, panel);
                });
                Panels::F32(panels)
            }
            Precision::Bf16 => {
                let mut panels = Aligned::<u32>::of(count * k * width / VECTORS);
                threads::chunks_mut(panels.as_mut_slice(), panel / VECTORS, |i, words| {
                    with_scratch(k * width, |panel| {
                        pack_panel(b, [k, n, width], i, panel);
                        halve(panel, width, words);
                    });
                });
                Panels::Bf16(panels)
            }
        };
        Self { panels, k, n, width }
    }

    /// Packs a weight `[output, input]` for products `x W^T`.
    pub fn of_weight(weight: &[f32], input: usize, output: usize, precision: Precision) -> Self {
        Self::new(View::rows(weight, input).t(), input, output, precision)
    }

    /// Bytes of the packed values.
    pub fn bytes(&self) -> usize {
        let values = self.n.div_ceil(self.width) * self.k * self.width;
        match self.panels {
            Panels::F32(_) => 4 * values,
            Panels::Bf16(_) => 2 * values,
        }
    }

    /// Rows of `b`: the length of a row of `a`.
    pub fn input(&self) -> usize {
        self.k
    }

    /// Columns of `b`: the length of a row of the product.
    pub fn output(&self) -> usize {
        self.n
    }

    /// Column `j` of `b` into `out`, `[k]`.
    pub fn column(&self, j: usize, out: &mut [f32]) {
        assert!(j < self.n && out.len() == self.k, "a column of the packed matrix");
        let (panel, column) = (j / self.width, j % self.width);
        match &self.panels {
            Panels::F32(panels) => {
                let panel = &panels.as_slice()[panel * self.k * self.width..];
                for (out, row) in out.iter_mut().zip(panel.chunks_exact(self.width)) {
                    *out = row[column];
                }
            }
            Panels::Bf16(panels) => {
                let lanes = self.width / VECTORS;
                let panel = &panels.as_slice()[panel * self.k * lanes..];
                let shift = if column < lanes { 16 } else { 0 };
                for (out, row) in out.iter_mut().zip(panel.chunks_exact(lanes)) {
                    *out = f32::from_bits((row[column % lanes] << shift) & UPPER);
                }
            }
        }
    }

    /// `out = a b` or `out += a b` for rows `a` `[m, k]`; `out` is `[m, n]`.
    ///
    /// # Panics
    /// Where the slices do not have these sizes.
    pub fn multiply(&self, a: &[f32], out: &mut [f32], write: Write, parallel: bool) {
        let m = out.len() / self.n.max(1);
        assert!(a.len() == m * self.k && out.len() == m * self.n, "rows of a product");
        Product { a, b: self, m, out: Place::new(out, m, self.n), write }.run(parallel);
    }
}

/// Columns of a panel on this machine.
fn panel_width() -> usize {
    lanes() * VECTORS
}

/// The half of a word that is a bfloat16 as f32.
const UPPER: u32 = 0xffff_0000;

/// The bits of the nearest bfloat16, ties to even, in the lower half.
fn bf16(value: f32) -> u32 {
    let bits = value.to_bits();
    (bits + 0x7fff + (bits >> 16 & 1)) >> 16
}

/// A panel's rows of two vectors as one vector of words each.
fn halve(panel: &[f32], width: usize, words: &mut [u32]) {
    let rows = words.chunks_exact_mut(width / VECTORS).zip(panel.chunks_exact(width));
    for (words, row) in rows {
        let (first, second) = row.split_at(width / VECTORS);
        for ((word, first), second) in words.iter_mut().zip(first).zip(second) {
            *word = bf16(*first) | bf16(*second) << 16;
        }
    }
}

/// Columns `i * width ..` of `b` into `panel`.
fn pack_panel(b: View<'_>, [k, n, width]: [usize; 3], i: usize, panel: &mut [f32]) {
    let first = i * width;
    let columns = width.min(n - first);
    if columns < width {
        panel.fill(0.0);
    }
    if b.column == 1 {
        for (row, out) in panel.chunks_exact_mut(width).enumerate() {
            let from = row * b.row + first;
            out[..columns].copy_from_slice(&b.data[from..from + columns]);
        }
        return;
    }
    transpose(b.t(), first..first + columns, k, panel, width);
}

/// Rows `rows` of `a` as columns: `out[i * width + r] = a(rows.start + r, i)` for `i` below `k`.
fn transpose(a: View<'_>, rows: Range<usize>, k: usize, out: &mut [f32], width: usize) {
    /// Values of a row that are taken at once, so that what they are written to stays near.
    const TILE: usize = 64;
    for from in (0..k).step_by(TILE) {
        let tile = TILE.min(k - from);
        for (r, row) in rows.clone().enumerate() {
            let start = row * a.row + from * a.column;
            let out = out[from * width..].iter_mut().skip(r).step_by(width).take(tile);
            match a.column {
                1 => out.zip(&a.data[start..start + tile]).for_each(|(out, a)| *out = *a),
                step => {
                    let values = a.data[start..].iter().step_by(step);
                    out.zip(values).for_each(|(out, a)| *out = *a);
                }
            }
        }
    }
}

/// Where a product goes, shared by tasks that write apart from each other.
#[derive(Clone, Copy)]
struct Place {
    start: *mut f32,
    row: usize,
}

// SAFETY: tasks get disjoint blocks of the product (`Product::run`), and the place is only used
// while the slice that it was made of is borrowed.
#[allow(unsafe_code, reason = "tasks write columns of one row-major matrix")]
unsafe impl Sync for Place {}

impl Place {
    fn new(out: &mut [f32], m: usize, n: usize) -> Self {
        assert_eq!(out.len(), m * n, "a product fills its slice");
        Self { start: out.as_mut_ptr(), row: n }
    }

    /// Columns `first .. first + len` of row `i`.
    ///
    /// # Safety
    /// They lie inside the product, and no other task uses them.
    #[allow(unsafe_code, reason = "tasks write columns of one row-major matrix")]
    #[inline(always)]
    unsafe fn columns<'a>(self, i: usize, first: usize, len: usize) -> &'a mut [f32] {
        // SAFETY: inside the slice by the assertion of `new`, and the caller's alone.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(i * self.row + first), len) }
    }
}

/// A product to be computed.
struct Product<'a> {
    /// `[m, k]`.
    a: &'a [f32],
    b: &'a Packed,
    m: usize,
    out: Place,
    write: Write,
}

impl Product<'_> {
    fn run(&self, parallel: bool) {
        let Self { m, b: Packed { k, n, width, .. }, .. } = self;
        let (m, panels) = (*m, n.div_ceil(*width));
        if m == 0 || panels == 0 {
            return;
        }
        // A multiple of every block of rows.
        let rows = (ROWS_BYTES / 4 / (*k).max(1)).clamp(24, 192) / 24 * 24;
        let row_tasks = m.div_ceil(rows);
        let threads = if parallel { threads::count() } else { 1 };
        let groups = if threads == 1 { 1 } else { (TASKS * threads).div_ceil(row_tasks) };
        let panels_a_task = panels.div_ceil(groups.min(panels));
        let groups = panels.div_ceil(panels_a_task);
        let task = |i: usize| {
            let (rows_from, from) = (i / groups * rows, i % groups * panels_a_task);
            let rows = rows_from..m.min(rows_from + rows);
            let panels = from..panels.min(from + panels_a_task);
            with_block(rows.len() * k, |memory| {
                Arch::new().dispatch(Task { product: self, rows, panels, memory });
            });
        };
        if threads == 1 {
            (0..row_tasks * groups).for_each(task);
        } else {
            threads::each(row_tasks * groups, task);
        }
    }
}

/// A block of the product.
struct Task<'a> {
    product: &'a Product<'a>,
    rows: Range<usize>,
    panels: Range<usize>,
    /// For the packed rows.
    memory: &'a mut [f32],
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // As many rows as accumulators fit into the machine's registers.
        match S::F32_LANES {
            16 => self.blocks::<S, 12>(simd),
            8 => self.blocks::<S, 6>(simd),
            _ => self.blocks::<S, 4>(simd),
        }
    }
}

impl Task<'_> {
    /// Rows of the next block where `left` are left.
    fn height(left: usize, most: usize) -> usize {
        match left {
            left if left >= most => most,
            8.. => 8,
            6.. if most == 6 => 6,
            4.. => 4,
            2.. => 2,
            _ => 1,
        }
    }

    #[inline(always)]
    fn blocks<S: Simd, const MOST: usize>(self, simd: S) {
        let Packed { k, width, panels, .. } = self.product.b;
        let (k, width) = (*k, *width);
        let mut rest = &mut *self.memory;
        let mut row = self.rows.start;
        while row < self.rows.end {
            let height = Self::height(self.rows.end - row, MOST);
            let (block, tail) = rest.split_at_mut(height * k);
            transpose(View::rows(self.product.a, k), row..row + height, k, block, height);
            rest = tail;
            row += height;
        }
        for panel in self.panels.clone() {
            let vectors = match panels {
                Panels::F32(panels) => {
                    let values = &panels.as_slice()[panel * k * width..(panel + 1) * k * width];
                    Vectors::F32(S::as_simd_f32s(values).0.as_chunks().0)
                }
                Panels::Bf16(panels) => {
                    let lanes = width / VECTORS;
                    let words = &panels.as_slice()[panel * k * lanes..(panel + 1) * k * lanes];
                    Vectors::Bf16(S::as_simd_u32s(words).0)
                }
            };
            let mut rest = &*self.memory;
            let mut row = self.rows.start;
            while row < self.rows.end {
                let height = Self::height(self.rows.end - row, MOST);
                let (block, tail) = rest.split_at(height * k);
                match height {
                    12 => self.kernel::<S, 12>(simd, block, vectors, row, panel),
                    8 => self.kernel::<S, 8>(simd, block, vectors, row, panel),
                    6 => self.kernel::<S, 6>(simd, block, vectors, row, panel),
                    4 => self.kernel::<S, 4>(simd, block, vectors, row, panel),
                    2 => self.kernel::<S, 2>(simd, block, vectors, row, panel),
                    _ => self.kernel::<S, 1>(simd, block, vectors, row, panel),
                }
                rest = tail;
                row += height;
            }
        }
    }

    /// `HEIGHT` rows times one panel.
    #[inline(always)]
    fn kernel<S: Simd, const HEIGHT: usize>(
        &self,
        simd: S,
        block: &[f32],
        panel: Vectors<'_, S>,
        row: usize,
        panel_index: usize,
    ) {
        let mut sums = [[simd.splat_f32s(0.0); VECTORS]; HEIGHT];
        let (a, _) = block.as_chunks::<HEIGHT>();
        match panel {
            Vectors::F32(panel) => {
                for (a, b) in a.iter().zip(panel) {
                    add(simd, a, *b, &mut sums);
                }
            }
            Vectors::Bf16(panel) => {
                let (shift, upper) = (simd.splat_u32s(16), simd.splat_u32s(UPPER));
                for (a, words) in a.iter().zip(panel) {
                    let first = simd.wrapping_dyn_shl_u32s(*words, shift);
                    let second = simd.and_u32s(*words, upper);
                    let b = [first, second].map(|bits| simd.transmute_f32s_u32s(bits));
                    add(simd, a, b, &mut sums);
                }
            }
        }
        let Product { b: Packed { n, width, .. }, out, write, .. } = *self.product;
        let first = panel_index * width;
        let len = (*width).min(n - first);
        let mut whole = [0f32; 64];
        for (r, sums) in sums.into_iter().enumerate() {
            // SAFETY: this task's rows and panels are its own and lie inside the product.
            #[allow(unsafe_code, reason = "tasks write columns of one row-major matrix")]
            let out = unsafe { out.columns(row + r, first, len) };
            if len == *width {
                let (out, _) = S::as_mut_simd_f32s(out);
                for (out, sum) in out.iter_mut().zip(sums) {
                    *out = match write {
                        Write::Set => sum,
                        Write::Add => simd.add_f32s(*out, sum),
                    };
                }
                continue;
            }
            let (vectors, _) = S::as_mut_simd_f32s(&mut whole);
            for (whole, sum) in vectors.iter_mut().zip(sums) {
                *whole = sum;
            }
            for (out, value) in out.iter_mut().zip(whole) {
                match write {
                    Write::Set => *out = value,
                    Write::Add => *out += value,
                }
            }
        }
    }
}

/// A panel as the kernel reads it.
enum Vectors<'a, S: Simd> {
    F32(&'a [[S::f32s; VECTORS]]),
    Bf16(&'a [S::u32s]),
}

impl<S: Simd> Clone for Vectors<'_, S> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Simd> Copy for Vectors<'_, S> {}

/// `sums += a b` for one place of the inner dimension.
#[inline(always)]
fn add<S: Simd, const HEIGHT: usize>(
    simd: S,
    a: &[f32; HEIGHT],
    b: [S::f32s; VECTORS],
    sums: &mut [[S::f32s; VECTORS]; HEIGHT],
) {
    for r in 0..HEIGHT {
        let value = simd.splat_f32s(a[r]);
        for v in 0..VECTORS {
            sums[r][v] = simd.mul_add_e_f32s(value, b[v], sums[r][v]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed.wrapping_mul(2_654_435_761).max(1);
        (0..count)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                (state % 2_001) as f32 / 1_000.0 - 1.0
            })
            .collect()
    }

    fn naive([m, k, n]: [usize; 3], a: View<'_>, b: View<'_>) -> Vec<f64> {
        let at = |x: View<'_>, i: usize, j: usize| f64::from(x.data[i * x.row + j * x.column]);
        (0..m * n).map(|c| (0..k).map(|i| at(a, c / n, i) * at(b, i, c % n)).sum::<f64>()).collect()
    }

    fn assert_near(got: &[f32], want: &[f64], k: usize) {
        // Sums of k products of values below 1, in f32.
        let tolerance = 1e-6 * (k as f64).max(1.0);
        for (got, want) in got.iter().zip(want) {
            assert!((f64::from(*got) - want).abs() <= tolerance, "{got} for {want}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn products_of_any_shape(
            m in 0usize..70, k in 1usize..90, n in 1usize..140, turned: bool, seed in 1u32..999,
        ) {
            let (a, b) = (values(m * k, seed), values(k * n, seed + 1));
            let b = if turned { View::rows(&b, k).t() } else { View::rows(&b, n) };
            let want = naive([m, k, n], View::rows(&a, k), b);
            let packed = Packed::new(b, k, n, Precision::F32);
            let mut out = vec![7.0; m * n];
            packed.multiply(&a, &mut out, Write::Set, true);
            assert_near(&out, &want, k);
            packed.multiply(&a, &mut out, Write::Add, false);
            let twice: Vec<f64> = want.iter().map(|x| x * 2.0).collect();
            assert_near(&out, &twice, 2 * k);
        }
    }

    #[test]
    fn rows_do_not_depend_on_their_neighbours_or_threads() {
        let (k, n) = (129, 301);
        let (x, w) = (values(53 * k, 5), values(n * k, 6));
        let packed = Packed::of_weight(&w, k, n, Precision::F32);
        let mut all = vec![0.0; 53 * n];
        packed.multiply(&x, &mut all, Write::Set, true);
        for row in [0, 11, 12, 50, 52] {
            let mut one = vec![0.0; n];
            packed.multiply(&x[row * k..(row + 1) * k], &mut one, Write::Set, false);
            assert_eq!(one, all[row * n..(row + 1) * n], "row {row}");
        }
    }

    #[test]
    fn columns_come_back() {
        let w = values(67 * 5, 3);
        let rounded: Vec<f32> = w.iter().map(|x| f32::from_bits(bf16(*x) << 16)).collect();
        for (precision, expected) in [(Precision::F32, &w), (Precision::Bf16, &rounded)] {
            let packed = Packed::of_weight(&w, 5, 67, precision);
            let mut column = [0.0; 5];
            for j in [0, 15, 16, 31, 32, 66] {
                packed.column(j, &mut column);
                assert_eq!(column, expected[j * 5..(j + 1) * 5], "column {j}");
            }
        }
    }

    #[test]
    fn bfloat16_rounds_to_nearest_and_ties_to_even() {
        for (value, rounded) in [
            (1.0, 1.0),
            (-2.5, -2.5),
            // 1 + 2^-8 is a tie, to the even 1; a little more goes up; 1 + 3 * 2^-8 is a tie too.
            (1.0 + 1.0 / 256.0, 1.0),
            (1.0 + 1.01 / 256.0, 1.0 + 2.0 / 256.0),
            (1.0 + 3.0 / 256.0, 1.0 + 4.0 / 256.0),
        ] {
            assert_eq!(f32::from_bits(bf16(value) << 16), rounded, "{value}");
        }
    }

    #[test]
    fn products_of_rounded_weights_are_those_of_the_rounded_values() {
        let (k, n) = (37, 75);
        let (x, w) = (values(19 * k, 8), values(n * k, 9));
        let rounded: Vec<f32> = w.iter().map(|x| f32::from_bits(bf16(*x) << 16)).collect();
        let product = |w: &[f32], precision| {
            let mut out = vec![0.0; 19 * n];
            let packed = Packed::of_weight(w, k, n, precision);
            packed.multiply(&x, &mut out, Write::Set, true);
            out
        };
        assert_eq!(product(&w, Precision::Bf16), product(&rounded, Precision::F32));
    }
}
