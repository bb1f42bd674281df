//! How long dispatches take, by the GPU's own clock.

use super::Adapter;
use crate::EngineError;
use serde::Serialize;

/// Time of the dispatches of one name in a pass.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DispatchTime {
    /// The shader, and what it computes where it computes several things.
    pub name: &'static str,
    /// Dispatches.
    pub dispatches: usize,
    /// Seconds of all of them.
    pub seconds: f64,
}

/// Writes times before and after dispatches.
pub(super) struct Timer {
    set: wgpu::QuerySet,
    names: Vec<&'static str>,
}

/// Times that WebGPU takes in one set at most.
const TIMES: u32 = 4096;

impl Timer {
    /// # Errors
    /// [`EngineError::Gpu`] where the GPU does not tell times.
    pub(super) fn new(adapter: &Adapter) -> Result<Self, EngineError> {
        if !adapter.tells_times() {
            return Err(EngineError::Gpu("it does not tell the times of dispatches".to_owned()));
        }
        let set = adapter.device().create_query_set(&wgpu::QuerySetDescriptor {
            label: Some("times"),
            ty: wgpu::QueryType::Timestamp,
            count: TIMES,
        });
        Ok(Self { set, names: Vec::new() })
    }

    /// Where the next dispatch writes its times, while there is room.
    pub(super) fn next(
        &mut self,
        name: &'static str,
    ) -> Option<wgpu::ComputePassTimestampWrites<'_>> {
        let at = 2 * self.names.len() as u32;
        if at + 2 > TIMES {
            return None;
        }
        self.names.push(name);
        Some(wgpu::ComputePassTimestampWrites {
            query_set: &self.set,
            beginning_of_pass_write_index: Some(at),
            end_of_pass_write_index: Some(at + 1),
        })
    }

    /// Submits what wrote them and reads the times, added up by name in order of their first use.
    pub(super) async fn read(
        self,
        adapter: &Adapter,
        mut encoder: wgpu::CommandEncoder,
    ) -> Result<Vec<DispatchTime>, EngineError> {
        let count = 2 * self.names.len() as u32;
        let bytes = u64::from(count) * 8;
        let resolved = adapter.query_results(bytes);
        let read = adapter.readback(bytes);
        encoder.resolve_query_set(&self.set, 0..count, &resolved, 0);
        encoder.copy_buffer_to_buffer(&resolved, 0, &read, 0, bytes);
        adapter.queue().submit([encoder.finish()]);
        let ticks: Vec<[u64; 2]> = bytemuck::pod_collect_to_vec(&adapter.read(&read, bytes).await?);
        let tick = f64::from(adapter.queue().get_timestamp_period()) * 1e-9;
        let mut times: Vec<DispatchTime> = Vec::new();
        for (name, [from, to]) in self.names.into_iter().zip(ticks) {
            let seconds = to.saturating_sub(from) as f64 * tick;
            match times.iter_mut().find(|time| time.name == name) {
                Some(time) => {
                    time.dispatches += 1;
                    time.seconds += seconds;
                }
                None => times.push(DispatchTime { name, dispatches: 1, seconds }),
            }
        }
        Ok(times)
    }
}
