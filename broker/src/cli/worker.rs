//! `windlass worker`: look at what runs jobs and calls.

use clap::Subcommand;
use windlass_wire::worker::WorkerView;

use super::{
    broker::BrokerFlags,
    output::{Output, Row},
};

#[derive(Debug, Subcommand)]
pub(crate) enum WorkerCommand {
    /// List the workers
    Ls,
}

pub(crate) async fn run(command: &WorkerCommand, broker: &BrokerFlags, output: Output) -> anyhow::Result<()> {
    match command {
        WorkerCommand::Ls => Ok(output.list(&broker.find()?.connect().await?.workers().await?)?),
    }
}

impl Row for WorkerView {
    const HEADINGS: &'static [&'static str] = &["WORKER", "KIND", "SLOTS USED", "JOBS", "CALLS", "SINCE"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.kind.clone(),
            format!("{}/{}", self.used, self.slots),
            self.running.len().to_string(),
            self.calls.to_string(),
            self.since.clone(),
        ]
    }

    fn id(&self) -> String {
        self.id.clone()
    }
}
