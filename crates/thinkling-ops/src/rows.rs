//! Rows taken by index, and the sum of rows by index that goes back.

#[cfg(feature = "gpu")]
use crate::gpu;
use burn::tensor::{Device, IndexingUpdateOp, Int, Tensor, TensorData};
use std::ops::Range;
#[cfg(feature = "gpu")]
use std::sync::Arc;

/// Which row of one tensor each row of another one is.
///
/// On a GPU the rows that come from the same row are listed beside each other beforehand, so that the
/// gradient of a gather is a sum of rows: the same in each run, and no unit waits for another one.
#[derive(Clone, Debug)]
pub struct RowMap {
    ids: Tensor<1, Int>,
    #[cfg(feature = "gpu")]
    plan: Option<(Tensor<1, Int>, Arc<gpu::rows::Plan>)>,
}

impl RowMap {
    /// Takes `ids`, each below `rows`, from tensors of `rows` rows.
    pub fn new(ids: Vec<i32>, rows: usize, device: &Device) -> Self {
        debug_assert!(ids.iter().all(|&id| id >= 0 && (id as usize) < rows), "ids below {rows}");
        let ints = |values: Vec<i32>| {
            let len = values.len();
            Tensor::from_data(TensorData::new(values, [len]), device)
        };
        #[cfg(feature = "gpu")]
        let plan = gpu::runs_on(device).then(|| {
            let (values, plan) = gpu::rows::Plan::new(&ids, rows);
            (ints(values), Arc::new(plan))
        });
        #[cfg(not(feature = "gpu"))]
        let _ = rows;
        Self {
            ids: ints(ids),
            #[cfg(feature = "gpu")]
            plan,
        }
    }

    /// The index of each row.
    pub fn ids(&self) -> Tensor<1, Int> {
        self.ids.clone()
    }

    /// Rows that are taken.
    pub fn len(&self) -> usize {
        self.ids.dims()[0]
    }

    /// Whether no row is taken.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `x[ids]`.
    ///
    /// # Shapes
    /// `[rows, width]` -> `[ids, width]`.
    pub fn gather(&self, x: Tensor<2>) -> Tensor<2> {
        let width = x.dims()[1];
        self.gather_columns(x, 0..width)
    }

    /// `x[ids, columns]`.
    ///
    /// # Shapes
    /// `[rows, width]` -> `[ids, columns]`.
    pub(crate) fn gather_columns(&self, x: Tensor<2>, columns: Range<usize>) -> Tensor<2> {
        let [rows, width] = x.dims();
        #[cfg(feature = "gpu")]
        if let Some((values, plan)) = &self.plan
            && gpu::is_f32(&x)
        {
            return gpu::rows::gather(x, self.ids(), values.clone(), plan.clone(), columns);
        }
        let x = if columns == (0..width) { x } else { x.slice([0..rows, columns]) };
        x.select(0, self.ids())
    }

    /// `onto` with each row of `values` added to that of its index. No gradient.
    ///
    /// # Shapes
    /// `onto` `[rows, width]`, `values` `[ids, width]` -> as `onto`.
    pub fn add_to(&self, onto: Tensor<2>, values: Tensor<2>) -> Tensor<2> {
        #[cfg(feature = "gpu")]
        if let Some((index, plan)) = &self.plan
            && gpu::is_f32(&values)
        {
            return onto + gpu::rows::sum(values, index.clone(), plan.clone());
        }
        onto.select_assign(0, self.ids(), values, IndexingUpdateOp::Add)
    }
}

/// Indices that lie on a device already: sums by them are burn's.
impl From<Tensor<1, Int>> for RowMap {
    fn from(ids: Tensor<1, Int>) -> Self {
        Self {
            ids,
            #[cfg(feature = "gpu")]
            plan: None,
        }
    }
}
