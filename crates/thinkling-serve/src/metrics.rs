//! Numbers for Prometheus.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// An answer, by where it was asked for and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Answer {
    pub(crate) endpoint: &'static str,
    pub(crate) status: u16,
}

/// What the server counts.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) requests: Family<Answer, Counter>,
    pub(crate) in_flight: Gauge,
    pub(crate) waiting: Gauge,
    pub(crate) rows: Gauge,
    pub(crate) cache_taken: Gauge,
    pub(crate) connections: Gauge,
    pub(crate) weights_version: Gauge,
    pub(crate) prompt_tokens: Counter,
    pub(crate) completion_tokens: Counter,
    pub(crate) steps: Counter,
    pub(crate) gone: Counter,
    pub(crate) first_token: Histogram,
    pub(crate) request: Histogram,
}

impl Metrics {
    pub(crate) fn new(rows: usize, cache_tokens: usize) -> Self {
        let mut registry = Registry::with_prefix("thinkling");
        // From a millisecond to 9 minutes.
        let seconds = || Histogram::new(exponential_buckets(0.001, 3.0, 13));
        let (most_rows, cache) = (Gauge::default(), Gauge::default());
        most_rows.set(rows as i64);
        cache.set(cache_tokens as i64);
        let metrics = Self {
            requests: Family::default(),
            in_flight: Gauge::default(),
            waiting: Gauge::default(),
            rows: Gauge::default(),
            cache_taken: Gauge::default(),
            connections: Gauge::default(),
            weights_version: Gauge::default(),
            prompt_tokens: Counter::default(),
            completion_tokens: Counter::default(),
            steps: Counter::default(),
            gone: Counter::default(),
            first_token: seconds(),
            request: seconds(),
            registry: Registry::default(),
        };
        registry.register("requests", "Answers by endpoint and status", metrics.requests.clone());
        let gauges = [
            (
                "requests_in_flight",
                "Requests that run, wait or are not read yet",
                &metrics.in_flight,
            ),
            ("requests_waiting", "Prompts that wait for rows or cache", &metrics.waiting),
            ("rows_running", "Completions that run", &metrics.rows),
            ("rows_limit", "Completions that may run at once", &most_rows),
            ("cache_tokens_taken", "Tokens of the cache that are taken", &metrics.cache_taken),
            ("cache_tokens_limit", "Tokens of the cache", &cache),
            ("connections", "Open connections", &metrics.connections),
            ("weights_version", "Updates of the weights since the start", &metrics.weights_version),
        ];
        for (name, help, gauge) in gauges {
            registry.register(name, help, gauge.clone());
        }
        let counters = [
            ("prompt_tokens", "Tokens of prompts that were computed", &metrics.prompt_tokens),
            ("completion_tokens", "Tokens that were drawn", &metrics.completion_tokens),
            ("steps", "Steps of the batch, or several where a GPU draws", &metrics.steps),
            ("completions_abandoned", "Completions whose client went away", &metrics.gone),
        ];
        for (name, help, counter) in counters {
            registry.register(name, help, counter.clone());
        }
        let histograms = [
            ("first_token", "From a request to its first token", &metrics.first_token),
            ("request", "From a request to its last token", &metrics.request),
        ];
        for (name, help, histogram) in histograms {
            registry.register_with_unit(name, help, Unit::Seconds, histogram.clone());
        }
        Self { registry, ..metrics }
    }

    /// As Prometheus reads it.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        if prometheus_client::encoding::text::encode(&mut text, &self.registry).is_err() {
            text.clear();
        }
        text
    }
}
