//! Work spread over rayon's threads where the feature `threads` is on, else done in order.

/// Rows of one piece of work: enough to be worth a hand-over, and a constant, so that partial sums
/// do not depend on the number of threads.
pub const ROWS: usize = 64;

/// Calls `task` on pieces of [`ROWS`] rows of `a` and `b`, whose rows have the given widths.
pub fn rows2(
    a: &mut [f32],
    a_width: usize,
    b: &[f32],
    b_width: usize,
    task: impl Fn(&mut [f32], &[f32]) + Sync,
) {
    #[cfg(feature = "threads")]
    {
        use rayon::prelude::*;
        a.par_chunks_mut(ROWS * a_width)
            .zip(b.par_chunks(ROWS * b_width))
            .for_each(|(a, b)| task(a, b));
    }
    #[cfg(not(feature = "threads"))]
    a.chunks_mut(ROWS * a_width).zip(b.chunks(ROWS * b_width)).for_each(|(a, b)| task(a, b));
}

/// [`rows2`] with a third, read-only array.
pub fn rows3(
    a: &mut [f32],
    a_width: usize,
    (b, b_width): (&[f32], usize),
    (c, c_width): (&[f32], usize),
    task: impl Fn(&mut [f32], &[f32], &[f32]) + Sync,
) {
    #[cfg(feature = "threads")]
    {
        use rayon::prelude::*;
        a.par_chunks_mut(ROWS * a_width)
            .zip(b.par_chunks(ROWS * b_width))
            .zip(c.par_chunks(ROWS * c_width))
            .for_each(|((a, b), c)| task(a, b, c));
    }
    #[cfg(not(feature = "threads"))]
    a.chunks_mut(ROWS * a_width)
        .zip(b.chunks(ROWS * b_width))
        .zip(c.chunks(ROWS * c_width))
        .for_each(|((a, b), c)| task(a, b, c));
}

/// Calls `task(i, piece)` on the pieces of `width` values of `out`.
pub fn chunks_mut<T: Send>(out: &mut [T], width: usize, task: impl Fn(usize, &mut [T]) + Sync) {
    #[cfg(feature = "threads")]
    {
        use rayon::prelude::*;
        out.par_chunks_mut(width).enumerate().for_each(|(i, piece)| task(i, piece));
    }
    #[cfg(not(feature = "threads"))]
    out.chunks_mut(width).enumerate().for_each(|(i, piece)| task(i, piece));
}

/// Calls `task(i, piece)` on pieces of the given lengths of `out`, which they fill.
pub fn pieces_mut(
    out: &mut [f32],
    lens: impl Iterator<Item = usize>,
    task: impl Fn(usize, &mut [f32]) + Sync,
) {
    let mut pieces = Vec::new();
    let mut rest = out;
    for len in lens {
        let (piece, tail) = rest.split_at_mut(len);
        pieces.push(piece);
        rest = tail;
    }
    #[cfg(feature = "threads")]
    {
        use rayon::prelude::*;
        pieces.into_par_iter().enumerate().for_each(|(i, piece)| task(i, piece));
    }
    #[cfg(not(feature = "threads"))]
    pieces.into_iter().enumerate().for_each(|(i, piece)| task(i, piece));
}

/// Threads that work is spread over.
pub fn count() -> usize {
    #[cfg(feature = "threads")]
    return rayon::current_num_threads();
    #[cfg(not(feature = "threads"))]
    1
}

/// Calls `task(i)` for each `i` below `tasks`.
pub fn each(tasks: usize, task: impl Fn(usize) + Sync) {
    #[cfg(feature = "threads")]
    {
        use rayon::prelude::*;
        (0..tasks).into_par_iter().with_max_len(1).for_each(&task);
    }
    #[cfg(not(feature = "threads"))]
    (0..tasks).for_each(task);
}

/// Calls `task(i, a, b)` on pieces of `a` and `b` of the given lengths.
pub fn chunks2_mut<A: Send, B: Send>(
    (a, a_len): (&mut [A], usize),
    (b, b_len): (&mut [B], usize),
    task: impl Fn(usize, &mut [A], &mut [B]) + Sync,
) {
    #[cfg(feature = "threads")]
    {
        use rayon::prelude::*;
        let pieces = a.par_chunks_mut(a_len).zip(b.par_chunks_mut(b_len)).enumerate();
        pieces.for_each(|(i, (a, b))| task(i, a, b));
    }
    #[cfg(not(feature = "threads"))]
    a.chunks_mut(a_len).zip(b.chunks_mut(b_len)).enumerate().for_each(|(i, (a, b))| task(i, a, b));
}

/// Calls `task` on pieces of `len` values of three arrays and of a fourth that is only read.
pub fn chunks4_mut(
    len: usize,
    [a, b, c]: [&mut [f32]; 3],
    d: &[f32],
    task: impl Fn([&mut [f32]; 3], &[f32]) + Sync,
) {
    #[cfg(feature = "threads")]
    {
        use rayon::prelude::*;
        let written = a.par_chunks_mut(len).zip(b.par_chunks_mut(len)).zip(c.par_chunks_mut(len));
        written.zip(d.par_chunks(len)).for_each(|(((a, b), c), d)| task([a, b, c], d));
    }
    #[cfg(not(feature = "threads"))]
    {
        let written = a.chunks_mut(len).zip(b.chunks_mut(len)).zip(c.chunks_mut(len));
        written.zip(d.chunks(len)).for_each(|(((a, b), c), d)| task([a, b, c], d));
    }
}

/// `task(piece)` of each piece of `len` values, in their order.
pub fn map_chunks<R: Send>(a: &[f32], len: usize, task: impl Fn(&[f32]) -> R + Sync) -> Vec<R> {
    #[cfg(feature = "threads")]
    {
        use rayon::prelude::*;
        a.par_chunks(len).map(&task).collect()
    }
    #[cfg(not(feature = "threads"))]
    a.chunks(len).map(task).collect()
}
