//! What a plugin costs in Python and in JavaScript, against one in Rust: its size, the time of its upload, most of
//! which is compilation, and a job in a fresh sandbox, interleaved with jobs of the other plugins.
#![expect(
    clippy::cast_precision_loss,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints figures far below 2^53, and fails if the broker does"
)]

use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};
use windlass_tests::{
    broker::Broker,
    fixtures, polyglot,
    stats::{median, percentile},
};

const JOBS: usize = 500;
const MIB: f64 = 1_048_576.0;

/// A plugin, and a handler of it that has next to nothing to do.
struct Subject {
    plugin: &'static str,
    language: &'static str,
    handler: &'static str,
    args: Value,
    wall_micros: Vec<f64>,
    cpu_micros: Vec<f64>,
    memory_bytes: f64,
}

#[tokio::main]
async fn main() {
    let broker = Broker::start_with(&["--workers", "1"]).await;
    let mut subjects = [
        Subject::new("demo", "Rust", "demo/greet", json!({ "name": "Ada" })),
        Subject::new("transform", "JavaScript", "transform/transform", json!(["input", "1"])),
        Subject::new("words", "Python", "words/find", json!(["a", "b"])),
    ];
    let (demo, transform, words) =
        (fixtures::plugin("demo"), polyglot::transform(broker.scratch()), polyglot::words(broker.scratch()));
    for (subject, component) in subjects.iter().zip([demo, transform, words]) {
        subject.upload(&broker, &component);
    }
    let mut socket = broker.socket().await;
    for _ in 0..JOBS {
        for subject in &mut subjects {
            let job = socket.submit(subject.handler, subject.args.clone(), json!({})).await;
            socket.value(json!({ "op": "job.wait", "job": job })).await;
            subject.record(&broker.job(&job).await["attempts"][0]["usage"]);
        }
    }
    println!("a job in a fresh sandbox, {JOBS} of each; the last column is the ratio of CPU time to Rust");
    let rust = median(&subjects[0].cpu_micros);
    for subject in &subjects {
        subject.report(rust);
    }
}

impl Subject {
    fn new(plugin: &'static str, language: &'static str, handler: &'static str, args: Value) -> Self {
        let (wall_micros, cpu_micros) = (Vec::new(), Vec::new());
        Self { plugin, language, handler, args, wall_micros, cpu_micros, memory_bytes: 0.0 }
    }

    fn upload(&self, broker: &Broker, component: &Path) {
        let size = |path: &Path| std::fs::metadata(path).unwrap().len() as f64 / MIB;
        let before = artefacts(&broker.data(), size);
        let begin = Instant::now();
        polyglot::push(broker, self.plugin, component);
        let seconds = begin.elapsed().as_secs_f64();
        println!(
            "{:<10} component {:>5.1} MiB   compiled {:>5.1} MiB   upload {seconds:>6.2} s",
            self.language,
            size(component),
            artefacts(&broker.data(), size) - before,
        );
    }

    fn record(&mut self, usage: &Value) {
        let figure = |name: &str| usage[name].as_f64().unwrap();
        self.wall_micros.push(figure("wall_micros"));
        self.cpu_micros.push(figure("cpu_micros"));
        self.memory_bytes = self.memory_bytes.max(figure("memory_bytes_peak"));
    }

    fn report(&self, rust: f64) {
        let (wall, cpu) = (median(&self.wall_micros), median(&self.cpu_micros));
        println!(
            "{:<10} wall p50 {wall:>6.0} us   p99 {:>6.0} us   CPU p50 {cpu:>6.0} us   memory {:>5.1} MiB   ratio {:.1}",
            self.language,
            percentile(&self.wall_micros, 0.99),
            self.memory_bytes / MIB,
            cpu / rust,
        );
    }
}

/// MiB of all compiled plugins.
fn artefacts(data: &Path, size: impl Fn(&Path) -> f64) -> f64 {
    let files = std::fs::read_dir(data.join("artefacts")).unwrap();
    files.map(|file| size(&file.unwrap().path())).sum()
}
