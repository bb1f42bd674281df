//! Rows by index: a unit a value, both ways.

use super::{grid, row_shape, rows_of, unwritten};
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, Backend, Dispatch, TensorMetadata, backend_extension};
#[cfg(feature = "fusion")]
use burn::tensor::Shape;
use burn::tensor::{DType, Int, Tensor};
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::kernel::{cast, into_contiguous};
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{CubeBackend, cubecl};
use std::ops::Range;
use std::sync::Arc;

/// Rows that one unit adds up at most: a row that more rows came from is summed in several steps.
const PIECE: usize = 32;

/// How gathered rows add up to those they came from, in steps; its lists lie in one tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    steps: Vec<Step>,
}

/// Sums of rows of the step before, the gathered rows at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    /// Sums.
    rows: usize,
    /// Where the starts of the sums' lists begin, `rows + 1` of them.
    starts: usize,
    /// Where the lists begin.
    sources: usize,
}

impl Plan {
    /// The plan for rows `ids` of `rows`, and the tensor of its lists.
    pub(crate) fn new(ids: &[i32], rows: usize) -> (Vec<i32>, Self) {
        let (mut values, mut steps) = (Vec::new(), Vec::new());
        let mut push = |starts: &[usize], sources: &[usize]| {
            let at = values.len();
            steps.push(Step { rows: starts.len() - 1, starts: at, sources: at + starts.len() });
            values.extend(starts.iter().chain(sources).map(|&i| index(i)));
        };
        let (mut starts, mut sources) = by_row(ids, rows);
        while starts.windows(2).any(|list| list[1] - list[0] > PIECE) {
            // The lists in pieces, whose sums are the rows that the next step adds up.
            let (mut pieces, mut firsts) = (vec![0], vec![0]);
            for list in starts.windows(2) {
                pieces.extend((list[0]..list[1]).step_by(PIECE).skip(1));
                pieces.extend((list[1] > list[0]).then_some(list[1]));
                firsts.push(pieces.len() - 1);
            }
            push(&pieces, &sources);
            sources = (0..pieces.len() - 1).collect();
            starts = firsts;
        }
        push(&starts, &sources);
        (values, Self { steps })
    }

    /// Rows that the gathered ones came from.
    #[cfg(feature = "fusion")]
    fn rows(&self) -> usize {
        self.steps.last().map_or(0, |step| step.rows)
    }
}

fn index(i: usize) -> i32 {
    i32::try_from(i).expect("the rows of a batch fit into 31 bits")
}

/// The places in `ids` of each row, one list after the other, and where each begins.
fn by_row(ids: &[i32], rows: usize) -> (Vec<usize>, Vec<usize>) {
    let mut starts = vec![0; rows + 1];
    for &id in ids {
        starts[id as usize + 1] += 1;
    }
    for row in 0..rows {
        starts[row + 1] += starts[row];
    }
    let mut next = starts.clone();
    let mut places = vec![0; ids.len()];
    for (place, &id) in ids.iter().enumerate() {
        places[next[id as usize]] = place;
        next[id as usize] += 1;
    }
    (starts, places)
}

/// `x[ids, columns]`, differentiable.
pub(crate) fn gather(
    x: Tensor<2>,
    ids: Tensor<1, Int>,
    lists: Tensor<1, Int>,
    plan: Arc<Plan>,
    columns: Range<usize>,
) -> Tensor<2> {
    let (x, ids, lists) = (x.into_dispatch(), ids.into_dispatch(), lists.into_dispatch());
    Tensor::from_dispatch(<Dispatch as RowCalls>::gather(x, ids, lists, plan, columns))
}

/// The sum of the `values` `[ids, width]` of each row, `[rows, width]`.
pub(crate) fn sum(values: Tensor<2>, lists: Tensor<1, Int>, plan: Arc<Plan>) -> Tensor<2> {
    let width = values.dims()[1];
    let (values, lists) = (values.into_dispatch(), lists.into_dispatch());
    let out = <Dispatch as RowCalls>::sum_rows(values, lists, plan, width, 0);
    Tensor::from_dispatch(out)
}

#[cube(launch_unchecked)]
fn gather_kernel(
    x: &[f32],
    ids: &[i32],
    out: &mut [f32],
    total: usize,
    width: usize,
    from: usize,
    columns: usize,
) {
    if ABSOLUTE_POS < total {
        let row = ABSOLUTE_POS / columns;
        let column = ABSOLUTE_POS - row * columns;
        out[ABSOLUTE_POS] = x[usize::cast_from(ids[row]) * width + from + column];
    }
}

/// Values of columns `from..from + columns` are summed, the others are zero.
#[cube(launch_unchecked)]
fn sum_rows_kernel(
    values: &[f32],
    lists: &[i32],
    out: &mut [f32],
    total: usize,
    width: usize,
    from: usize,
    columns: usize,
    starts: usize,
    sources: usize,
) {
    if ABSOLUTE_POS < total {
        let row = ABSOLUTE_POS / width;
        let column = ABSOLUTE_POS - row * width;
        let mut sum = 0.0f32;
        if column >= from && column < from + columns {
            let column = column - from;
            let start = usize::cast_from(lists[starts + row]);
            let end = usize::cast_from(lists[starts + row + 1]);
            for i in start..end {
                sum += values[usize::cast_from(lists[sources + i]) * columns + column];
            }
        }
        out[ABSOLUTE_POS] = sum;
    }
}

/// Calls of a gather and of its backward pass by a backend.
#[backend_extension(Cube, Fusion: cfg(feature = "fusion"), Autodiff)]
trait RowCalls: Backend {
    /// `x[ids, columns]`.
    #[fusion(dtype = x, shape = Shape::from([ids[0], columns.len()]))]
    fn gather(
        x: FloatTensor<Self>,
        ids: IntTensor<Self>,
        lists: IntTensor<Self>,
        plan: Arc<Plan>,
        columns: Range<usize>,
    ) -> FloatTensor<Self>;
    /// Sums of `values` at the columns from `from` on of rows of `width`.
    #[fusion(dtype = values, shape = Shape::from([plan.rows(), *width]))]
    fn sum_rows(
        values: FloatTensor<Self>,
        lists: IntTensor<Self>,
        plan: Arc<Plan>,
        width: usize,
        from: usize,
    ) -> FloatTensor<Self>;
}

fn ints(x: CubeTensor) -> CubeTensor {
    into_contiguous(if x.dtype == DType::I32 { x } else { cast(x, DType::I32) })
}

impl RowCalls for CubeBackend {
    fn gather(
        x: CubeTensor,
        ids: CubeTensor,
        _lists: CubeTensor,
        _plan: Arc<Plan>,
        columns: Range<usize>,
    ) -> CubeTensor {
        let (x, ids) = (rows_of(x), ints(ids));
        let (from, columns) = (columns.start, columns.len());
        let (taken, width) = (ids.meta.shape()[0], row_shape(&x).1);
        let out = unwritten(&x, [taken, columns]);
        let total = taken * columns;
        let (count, dim) = grid(total);
        #[allow(unsafe_code, reason = "a launch without checks of indices")]
        // SAFETY: units past `total` do nothing, and every id is below the rows of `x`.
        unsafe {
            gather_kernel::launch_unchecked(
                &out.client,
                count,
                dim,
                x.into_buffer_arg(),
                ids.into_buffer_arg(),
                out.clone().into_buffer_arg(),
                total,
                width,
                from,
                columns,
            );
        }
        out
    }

    fn sum_rows(
        values: CubeTensor,
        lists: CubeTensor,
        plan: Arc<Plan>,
        width: usize,
        from: usize,
    ) -> CubeTensor {
        let (mut values, lists) = (rows_of(values), ints(lists));
        let columns = row_shape(&values).1;
        for (i, step) in plan.steps.iter().enumerate() {
            let last = i + 1 == plan.steps.len();
            let (width, from) = if last { (width, from) } else { (columns, 0) };
            let out = unwritten(&values, [step.rows, width]);
            let total = step.rows * width;
            let (count, dim) = grid(total);
            #[allow(unsafe_code, reason = "a launch without checks of indices")]
            // SAFETY: units past `total` do nothing, and the lists name rows of `values` alone.
            unsafe {
                sum_rows_kernel::launch_unchecked(
                    &out.client,
                    count,
                    dim,
                    values.into_buffer_arg(),
                    lists.clone().into_buffer_arg(),
                    out.clone().into_buffer_arg(),
                    total,
                    width,
                    from,
                    columns,
                    step.starts,
                    step.sources,
                );
            }
            values = out;
        }
        values
    }
}

/// Backward pass of [`RowCalls::gather`].
#[derive(Debug)]
struct Back;

impl<B: RowCalls> Backward<B, 1> for Back {
    type State = (IntTensor<B>, Arc<Plan>, usize, usize);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let [node] = ops.parents;
        let grad = grads.consume::<B>(&ops.node);
        let (lists, plan, width, from) = ops.state;
        if let Some(node) = node {
            grads.register::<B>(node.id, B::sum_rows(grad, lists, plan, width, from));
        }
    }
}

impl<B: RowCalls, C: CheckpointStrategy> RowCalls for Autodiff<B, C> {
    fn gather(
        x: FloatTensor<Self>,
        ids: IntTensor<Self>,
        lists: IntTensor<Self>,
        plan: Arc<Plan>,
        columns: Range<usize>,
    ) -> FloatTensor<Self> {
        let prep = Back.prepare::<C>([x.node()]).compute_bound().stateful();
        let x = x.into_primitive();
        let (width, from) = (x.shape()[1], columns.start);
        let out = B::gather(x, ids, lists.clone(), plan.clone(), columns);
        match prep {
            OpsKind::Tracked(prep) => prep.finish((lists, plan, width, from), out),
            OpsKind::UnTracked(prep) => prep.finish(out),
        }
    }

    fn sum_rows(
        _values: FloatTensor<Self>,
        _lists: IntTensor<Self>,
        _plan: Arc<Plan>,
        _width: usize,
        _from: usize,
    ) -> FloatTensor<Self> {
        unreachable!("sums of rows are for tensors without a graph")
    }
}

#[cfg(test)]
mod tests {
    use super::{PIECE, Plan};

    /// The plan's steps in plain loops over one column.
    fn run(values: &[i64], lists: &[i32], plan: &Plan) -> Vec<i64> {
        plan.steps.iter().fold(values.to_vec(), |values, step| {
            let start = |row: usize| lists[step.starts + row] as usize;
            let sum = |row: usize| {
                let places = &lists[step.sources + start(row)..step.sources + start(row + 1)];
                assert!(places.len() <= PIECE, "a unit's sum is short");
                places.iter().map(|&place| values[place as usize]).sum()
            };
            (0..step.rows).map(sum).collect()
        })
    }

    #[test]
    fn a_plan_sums_the_rows_of_each_index() {
        let many = |n: usize, rows: usize| (0..n).map(|i| (i * i % rows) as i32).collect();
        let cases: Vec<(Vec<i32>, usize)> = vec![
            (vec![0], 1),
            (vec![2, 0, 1], 5),
            (vec![3; 32], 4),
            (vec![3; 33], 4),
            (vec![1; 1500], 3),
            (many(5000, 7), 9),
            (many(40, 100), 100),
        ];
        for (ids, rows) in cases {
            let values: Vec<i64> = (0..ids.len() as i64).map(|i| 1 + 3 * i).collect();
            let mut expected = vec![0; rows];
            for (&id, value) in ids.iter().zip(&values) {
                expected[id as usize] += value;
            }
            let (lists, plan) = Plan::new(&ids, rows);
            assert_eq!(run(&values, &lists, &plan), expected, "{} of {rows}", ids.len());
        }
    }
}
