//! What a bench tells in the end, to people and to programs.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;
use serde::Serialize;
use serde_json::Value;

use super::{BenchFlags, Operation, TAG, figures::Figures, filter, load::Plan};

/// Columns of the longest bar.
const BAR_COLUMNS: u64 = 50;

/// The figures of a bench.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The bench's own id, which is the value of the tag of its jobs.
    pub(super) run: String,
    operation: Operation,
    handler: String,
    in_flight: usize,
    connections: u32,
    /// How many a second were to be sent; none = as many as were answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    wanted_per_second: Option<f64>,
    seconds: f64,
    sent: u64,
    ok: u64,
    /// Answers that were errors, by their code.
    errors: BTreeMap<&'static str, u64>,
    unanswered: u64,
    ok_per_second: f64,
    /// Of those that are ok, if there are any.
    latency_micros: Option<Latency>,
    buckets: Vec<Bucket>,
    /// Jobs that were forgotten, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) purged: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Latency {
    mean: f64,
    p50: u64,
    p90: u64,
    p99: u64,
    p99_9: u64,
    max: u64,
}

/// The times below one power of two of a microsecond and not below the one before.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Bucket {
    below_micros: u64,
    count: u64,
}

impl Report {
    pub(super) fn new(run: String, flags: &BenchFlags, plan: &Plan, figures: &Figures) -> Self {
        let seconds = figures.last_answer.duration_since(figures.measured_from).as_secs_f64();
        let latency = &figures.latency;
        Self {
            run,
            operation: plan.operation,
            handler: plan.handler.clone(),
            in_flight: plan.in_flight,
            connections: flags.connections,
            wanted_per_second: plan.interval.map(|interval| 1.0 / interval.as_secs_f64()),
            seconds,
            sent: figures.sent,
            ok: figures.ok,
            errors: figures.errors.clone(),
            unanswered: figures.sent - figures.ok - figures.failed(),
            ok_per_second: if seconds > 0.0 { float(figures.ok) / seconds } else { 0.0 },
            latency_micros: (figures.ok > 0).then(|| Latency::of(latency)),
            buckets: buckets(latency),
            purged: None,
        }
    }

    /// What people see of it.
    pub(super) fn fields(&self) -> Vec<(&'static str, String)> {
        let connections = if self.connections == 1 { "connection" } else { "connections" };
        let mut fields = vec![
            ("bench", format!("{} of {}", self.operation, self.handler)),
            ("in flight", format!("up to {} over {} {connections}", self.in_flight, self.connections)),
            ("loop", self.wanted_per_second.map_or("closed".to_owned(), |rate| format!("open, {rate:.1}/s"))),
            ("sent", self.sent.to_string()),
            ("ok", self.ok.to_string()),
            ("errors", self.errors_text()),
        ];
        if self.unanswered > 0 {
            fields.push(("unanswered", self.unanswered.to_string()));
        }
        fields.push(("throughput", format!("{:.1}/s for {:.1} s", self.ok_per_second, self.seconds)));
        fields.extend(self.latency_micros.iter().flat_map(Latency::fields));
        if self.operation != Operation::Call {
            fields.push(("jobs", self.jobs_text()));
        }
        fields
    }

    /// The latencies as bars.
    pub(super) fn drawing(&self) -> String {
        let longest = self.buckets.iter().map(|bucket| bucket.count).max().unwrap_or_default().max(1);
        let bars = self.buckets.iter().map(|Bucket { below_micros, count }| {
            let columns = (count * BAR_COLUMNS).div_ceil(longest);
            let bar: String = (0..columns).map(|_| '#').collect();
            format!(" < {:<10} {count:>9} {bar}", time(Duration::from_micros(*below_micros)))
        });
        bars.map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
    }

    fn errors_text(&self) -> String {
        let errors: Vec<_> = self.errors.iter().map(|(code, count)| format!("{count} {code}")).collect();
        if errors.is_empty() { "none".to_owned() } else { errors.join(", ") }
    }

    fn jobs_text(&self) -> String {
        match self.purged {
            Some(purged) => format!("{purged} purged"),
            None => format!(
                "tagged {TAG}={}; to forget them: windlass job bulk purge '{}'",
                self.run,
                Value::Object(filter(&self.run))
            ),
        }
    }
}

impl Latency {
    fn of(latency: &Histogram<u64>) -> Self {
        Self {
            mean: latency.mean(),
            p50: latency.value_at_quantile(0.5),
            p90: latency.value_at_quantile(0.9),
            p99: latency.value_at_quantile(0.99),
            p99_9: latency.value_at_quantile(0.999),
            max: latency.max(),
        }
    }

    fn fields(&self) -> [(&'static str, String); 6] {
        let micros = |micros| time(Duration::from_micros(micros));
        [
            ("mean", time(Duration::from_secs_f64(self.mean / 1e6))),
            ("p50", micros(self.p50)),
            ("p90", micros(self.p90)),
            ("p99", micros(self.p99)),
            ("p99.9", micros(self.p99_9)),
            ("max", micros(self.max)),
        ]
    }
}

fn buckets(latency: &Histogram<u64>) -> Vec<Bucket> {
    let steps = latency.iter_log(1, 2.0);
    let buckets = steps.map(|step| Bucket {
        below_micros: step.value_iterated_to() + 1,
        count: step.count_since_last_iteration(),
    });
    buckets.skip_while(|bucket| bucket.count == 0).collect()
}

fn time(time: Duration) -> String {
    format!("{time:.2?}")
}

#[expect(clippy::cast_precision_loss, reason = "counts of a bench are far below 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_powers_of_two_and_hold_everything() {
        let mut latency = Histogram::new_with_bounds(1, 3_600_000_000, 3).unwrap();
        for micros in [100, 127, 128, 900, 5_000_000] {
            latency.saturating_record(micros);
        }
        let buckets = buckets(&latency);
        assert_eq!(buckets[0], Bucket { below_micros: 128, count: 2 });
        assert_eq!(buckets[1], Bucket { below_micros: 256, count: 1 });
        assert_eq!(buckets.last().map(|bucket| bucket.below_micros), Some(8_388_608));
        assert_eq!(buckets.iter().map(|bucket| bucket.count).sum::<u64>(), 5);
    }
}
