//! `windlass verify`: is what a broker remembers, or a backup has, what it should be?

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use windlass_client::ClientError;
use windlass_wire::verify::VerifyReport;

use super::{broker::BrokerFlags, output::Output, progress::Progress, restore::open};
use crate::backup::{verify_directory, verify_file};

/// What is looked over.
#[derive(Debug, Args)]
#[command(after_help = "Without FILE and --data the broker looks over what it has, while it runs.\n\
                        A backup is restored to a scratch directory for that, and of a data directory a copy is made, \
                        which are removed afterwards.")]
pub(crate) struct VerifyFlags {
    /// A backup, or - for standard input
    file: Option<PathBuf>,
    /// The data directory of a broker that does not run
    #[arg(long, value_name = "DIR", conflicts_with = "file")]
    data: Option<PathBuf>,
    /// Where there is room for a copy [default: beside the file or directory]
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
}

/// What was looked over is not what it should be.
#[derive(Debug, thiserror::Error)]
#[error("{0} problems were found")]
struct Damaged(u64);

/// It could not be looked over.
#[derive(Debug, thiserror::Error)]
#[error("the broker could not look everything over: {0}")]
struct Unfinished(String);

pub(crate) async fn run(flags: &VerifyFlags, broker: &BrokerFlags, output: Output) -> anyhow::Result<()> {
    let progress = Progress::begin(output, "looking everything over");
    let tell = |report: &VerifyReport| progress.tell(format!("looked at {} records", records(report)));
    let scratch = |beside: &Path| match &flags.scratch {
        Some(scratch) => Ok(scratch.clone()),
        None => std::path::absolute(beside).map(|path| path.parent().unwrap_or(&path).to_owned()),
    };
    let report = match (&flags.file, &flags.data) {
        (Some(file), _) => verify_file(open(file)?, &scratch(file)?, tell)
            .with_context(|| format!("cannot verify `{}`", file.display()))?,
        (None, Some(data)) => verify_directory(data, &scratch(data)?, tell)
            .with_context(|| format!("cannot verify `{}`", data.display()))?,
        (None, None) => online(broker, tell).await?,
    };
    drop(progress);
    output.record(&report.problem_count.to_string(), &report, &fields(&report))?;
    match report.problem_count {
        0 => Ok(()),
        problems => Err(Damaged(problems).into()),
    }
}

/// Follows the broker's reports to the last one.
async fn online(broker: &BrokerFlags, tell: impl Fn(&VerifyReport)) -> anyhow::Result<VerifyReport> {
    let mut download = broker.find()?.http()?.post_for_stream("/v1/verify").await?;
    let mut text = Vec::new();
    while let Some(piece) = download.next().await? {
        text.extend_from_slice(&piece);
        while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = text.drain(..=end).collect();
            let report: VerifyReport =
                serde_json::from_slice(&line).map_err(|error| ClientError::Protocol(error.to_string()))?;
            if let Some(error) = report.error {
                return Err(Unfinished(error).into());
            }
            if report.done {
                return Ok(report);
            }
            tell(&report);
        }
    }
    Err(ClientError::Closed("it ended without the last report".to_owned()).into())
}

fn records(report: &VerifyReport) -> u64 {
    report.records.values().sum()
}

fn fields(report: &VerifyReport) -> Vec<(&str, String)> {
    let mut fields: Vec<_> =
        report.records.iter().map(|(kind, count)| (kind.as_str(), count.to_string())).collect();
    fields.push(("blobs", report.blobs.to_string()));
    if report.unsettled > 0 {
        fields.push(("changing too fast", report.unsettled.to_string()));
    }
    let told = report.problems.iter().map(|problem| format!("{}: {}", problem.key, problem.wrong));
    let lines: Vec<_> = std::iter::once(format!("{} problems", report.problem_count)).chain(told).collect();
    fields.push(("found", lines.join("\n")));
    fields
}
