//! What `windlass top` shows, as lines of text: a function of what the broker told.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use windlass_wire::{job::JobView, stats::StatsView};

/// Seconds of the curves.
const CURVE_SECONDS: usize = 60;
/// Jobs that are remembered.
pub(super) const JOBS_MAX: usize = 200;
/// Failures that are shown.
const FAILURES_SHOWN: usize = 5;
/// From nothing to the most.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// What the broker told last.
#[derive(Debug, Default)]
pub(super) struct View {
    stats: Option<StatsView>,
    curves: BTreeMap<String, VecDeque<u64>>,
    /// The last that changed first.
    jobs: VecDeque<JobView>,
}

impl View {
    /// Takes new figures.
    pub(super) fn figures(&mut self, mut stats: StatsView) {
        if let Some(history) = stats.history.take() {
            let last = |series: Vec<u64>| series.into_iter().rev().take(CURVE_SECONDS).rev().collect();
            self.curves = history.series.into_iter().map(|(name, series)| (name, last(series))).collect();
        } else {
            for (name, rate) in &stats.rates {
                let curve = self.curves.entry(name.clone()).or_default();
                curve.push_back(*rate);
                curve.drain(..curve.len().saturating_sub(CURVE_SECONDS));
            }
        }
        self.stats = Some(stats);
    }

    /// Takes jobs that changed, in the order of their changes.
    pub(super) fn jobs(&mut self, changed: Vec<JobView>) {
        self.jobs.retain(|job| changed.iter().all(|newer| newer.id != job.id));
        for job in changed {
            self.jobs.push_front(job);
        }
        self.jobs.truncate(JOBS_MAX);
    }

    /// So many lines at most, none of them wider.
    pub(super) fn lines(&self, width: usize, height: usize) -> Vec<String> {
        let mut lines = match &self.stats {
            Some(stats) => self.above(stats),
            None => vec!["waiting for the broker's figures".to_owned()],
        };
        if !self.jobs.is_empty() {
            lines.extend([String::new(), "JOBS, the last that changed first".to_owned()]);
            lines.extend(self.jobs.iter().map(job));
        }
        lines.truncate(height);
        lines.into_iter().map(|line| line.chars().take(width).collect()).collect()
    }

    fn above(&self, stats: &StatsView) -> Vec<String> {
        let up = age(&stats.started_at, &stats.at);
        let by_state: Vec<_> = stats.states.iter().map(|(state, count)| format!("{state} {count}")).collect();
        let oldest = stats.oldest_ready_at.as_ref();
        let oldest = oldest.map(|since| format!("   oldest ready waits {}", age(since, &stats.at)));
        let mut lines = vec![
            format!("windlass   {}   up {up}", stats.at),
            format!(
                "slots {}/{}   calls {} running, {} waiting   sync p50 {} µs, p99 {} µs",
                stats.slots.used,
                stats.slots.total,
                stats.calls.running,
                stats.calls.waiting,
                stats.sync.p50_micros,
                stats.sync.p99_micros
            ),
            format!("jobs {}{}", by_state.join(", "), oldest.unwrap_or_default()),
            String::new(),
            format!("{:<12}{:>8}{:>12}   {}", "", "/s", "total", "the last minute"),
        ];
        lines.extend(stats.totals.iter().map(|(name, total)| {
            let rate = stats.rates.get(name).copied().unwrap_or_default();
            let curve = self.curves.get(name).map(curve).unwrap_or_default();
            format!("{name:<12}{rate:>8}{total:>12}   {curve}")
        }));
        if !stats.failures.is_empty() {
            lines.extend([String::new(), "FAILURES of the last hour".to_owned()]);
        }
        lines.extend(stats.failures.iter().take(FAILURES_SHOWN).map(|failure| {
            let ago = age(&failure.last_at, &stats.at);
            let count = format!("{}×", failure.count);
            format!("{count:<7}{:<24} {}: {}   {ago} ago", failure.handler, failure.code, failure.message)
        }));
        lines
    }
}

fn job(job: &JobView) -> String {
    let attempt = format!("{}/{}", job.attempt, job.max_attempts);
    format!("{}  {:<10} {attempt:<6} {:<24} {}", job.id, job.state.name(), job.handler, job.queue)
}

/// The curve as bars, the greatest of them as high as they go.
fn curve(series: &VecDeque<u64>) -> String {
    let most = series.iter().copied().max().unwrap_or_default().max(1);
    let bar = |value: &u64| {
        let step = (value * (BARS.len() as u64 - 1)).div_ceil(most);
        usize::try_from(step).ok().and_then(|step| BARS.get(step)).copied().unwrap_or(BARS[0])
    };
    series.iter().map(bar).collect()
}

/// The time between two moments, in its two greatest units; nothing if it is not known.
fn age(since: &str, now: &str) -> String {
    let (Ok(since), Ok(now)) = (since.parse::<Timestamp>(), now.parse::<Timestamp>()) else {
        return String::new();
    };
    let seconds = now.duration_since(since).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h {}m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn stats(more: &Value) -> StatsView {
        let mut stats = json!({
            "at": "2030-01-01T02:05:09.000Z", "started_at": "2030-01-01T00:00:00.000Z",
            "states": {"blocked": 3, "ready": 12, "running": 2},
            "totals": {"failed": 1, "submitted": 1204}, "rates": {"failed": 0, "submitted": 7},
            "slots": {"used": 2, "total": 4}, "calls": {"running": 1, "waiting": 0},
            "sync": {"p50_micros": 128, "p99_micros": 2048, "count": 9},
            "retention": {"jobs": 0, "tombstones": 0}, "failures": [],
            "store": {"state_bytes": 1, "journal_bytes": 1, "unfolded_bytes": 0, "unfolded_bytes_max": 1,
                      "folded_last_millis": 0, "folded_ago_millis": 0},
        });
        stats.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(stats).unwrap()
    }

    fn changed(id: u128, state: &str) -> JobView {
        serde_json::from_value(json!({
            "id": format!("{id:032x}"), "handler": "demo/add", "version": "", "channel": "0", "queue": "mail",
            "priority": 0, "state": state, "attempt": 1, "max_attempts": 3,
            "submitted_at": "2030-01-01T00:00:00.000Z", "retry": {}, "run_timeout_millis": null,
        }))
        .unwrap()
    }

    #[test]
    fn the_figures_are_shown_whatever_states_there_are() {
        let mut view = View::default();
        view.figures(stats(&json!({
            "oldest_ready_at": "2030-01-01T02:05:04.000Z",
            "history": {"end_at": "2030-01-01T02:05:09.000Z", "step_seconds": 1, "submitted": [0, 1, 7]},
            "failures": [{"code": "trap", "message": "unreachable", "handler": "demo/panic", "count": 3,
                          "last_at": "2030-01-01T02:03:09.000Z", "job": "00000000000000000000000000000001"}],
        })));
        assert_eq!(
            view.lines(100, 100),
            [
                "windlass   2030-01-01T02:05:09.000Z   up 2h 5m",
                "slots 2/4   calls 1 running, 0 waiting   sync p50 128 µs, p99 2048 µs",
                "jobs blocked 3, ready 12, running 2   oldest ready waits 5s",
                "",
                "                  /s       total   the last minute",
                "failed             0           1   ",
                "submitted          7        1204   ▁▂█",
                "",
                "FAILURES of the last hour",
                "3×     demo/panic               trap: unreachable   2m 0s ago",
            ]
        );
    }

    #[test]
    fn curves_go_on_with_each_second_and_stay_a_minute_long() {
        let mut view = View::default();
        for _ in 0..CURVE_SECONDS + 5 {
            view.figures(stats(&json!({})));
        }
        assert_eq!(view.curves["submitted"].len(), CURVE_SECONDS);
    }

    #[test]
    fn a_job_that_changes_again_moves_up() {
        let mut view = View::default();
        view.jobs(vec![changed(1, "ready"), changed(2, "ready")]);
        view.jobs(vec![changed(1, "running")]);
        let shown: Vec<_> = view.jobs.iter().map(|job| (job.id.0, job.state.name())).collect();
        assert_eq!(shown, [(1, "running"), (2, "ready")]);
    }

    #[test]
    fn the_screen_is_never_left() {
        let mut view = View::default();
        view.figures(stats(&json!({})));
        view.jobs((0..500).map(|id| changed(id, "ready")).collect());
        let lines = view.lines(20, 10);
        assert_eq!(lines.len(), 10);
        assert!(lines.iter().all(|line| line.chars().count() <= 20));
    }
}
