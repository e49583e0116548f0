//! What the server counts, and all counters as text.

use std::sync::atomic::AtomicI64;

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::{driver::Stats, metrics::Metrics, store::health::Health};

mod store;

use store::StoreFigures;

/// The media type of [`Traffic::render`].
pub(super) const METRICS_MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Counters of the network side, and the registry of all counters.
#[derive(Debug)]
pub(super) struct Traffic {
    /// Sockets that speak HTTP.
    pub(super) sockets_open: Gauge,
    /// Sockets upgraded to WebSocket.
    pub(super) websockets_open: Gauge,
    /// Frames received.
    pub(super) frames_received: Counter,
    /// Frames sent.
    pub(super) frames_sent: Counter,
    requests: Family<RequestLabels, Counter>,
    calls_waiting: Gauge,
    jobs_live: Gauge,
    slots_held: Gauge,
    store: StoreFigures,
    registry: Registry,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    status: &'static str,
}

impl Traffic {
    /// Counters of the server beside those of the broker.
    pub(super) fn new(metrics: &Metrics) -> Self {
        let mut traffic = Self {
            sockets_open: Gauge::<i64, AtomicI64>::default(),
            websockets_open: Gauge::default(),
            frames_received: Counter::default(),
            frames_sent: Counter::default(),
            requests: Family::default(),
            calls_waiting: Gauge::default(),
            jobs_live: Gauge::default(),
            slots_held: Gauge::default(),
            store: StoreFigures::default(),
            registry: Registry::default(),
        };
        metrics.register(&mut traffic.registry);
        traffic.register();
        traffic
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        let gauges = [
            ("windlass_calls_waiting", "Calls that wait for a slot", &self.calls_waiting),
            ("windlass_jobs_live", "Jobs that are not final", &self.jobs_live),
            ("windlass_slots_held", "Slots in which something runs", &self.slots_held),
            ("windlass_sockets_open", "Sockets that speak HTTP", &self.sockets_open),
            ("windlass_websockets_open", "Sockets upgraded to WebSocket", &self.websockets_open),
        ];
        for (name, help, gauge) in gauges {
            registry.register(name, help, gauge.clone());
        }
        registry.register(
            "windlass_frames_received",
            "WebSocket frames received",
            self.frames_received.clone(),
        );
        registry.register("windlass_frames_sent", "WebSocket frames sent", self.frames_sent.clone());
        registry.register("windlass_requests_answered", "HTTP requests answered", self.requests.clone());
        self.store.register(registry);
    }

    /// Counts an answered request under the pattern of its route, so that the number of series is bounded.
    pub(super) fn count_request(&self, route: &'static str, status: u16) {
        let status = match status {
            100..200 => "1xx",
            200..300 => "2xx",
            300..400 => "3xx",
            400..500 => "4xx",
            _ => "5xx",
        };
        self.requests.get_or_create(&RequestLabels { route, status }).inc();
    }

    /// All counters in the text format of `OpenMetrics`.
    pub(super) fn render(&self, stats: &Stats, health: &Health) -> Result<String, std::fmt::Error> {
        let set = |gauge: &Gauge, value: usize| gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        set(&self.calls_waiting, stats.waiting_calls);
        set(&self.jobs_live, stats.live_jobs);
        set(&self.slots_held, stats.held_slots);
        self.store.take(health);
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
