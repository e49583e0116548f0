//! `windlass schedule`: look at schedules, put, pause, trigger and delete them.

use clap::{Args, Subcommand};
use serde_json::Value;
use windlass_wire::{
    schedule::{CatchUp, Overlap, ScheduleOptions, ScheduleView, TickView},
    span::Span,
};

use super::{
    broker::BrokerFlags,
    handler::HandlerFlags,
    output::{Output, Row},
    submit::OptionFlags,
};

#[derive(Debug, Subcommand)]
pub(crate) enum ScheduleCommand {
    /// List the schedules
    Ls(ListFlags),
    /// Make a schedule, or change it into this one
    Put(Box<PutFlags>),
    /// Show a schedule
    Show {
        /// The schedule's name
        schedule: String,
    },
    /// Forget a schedule; its jobs stay
    Rm {
        /// The schedule's name
        schedule: String,
    },
    /// Let no tick of a schedule submit a job
    Pause {
        /// The schedule's name
        schedule: String,
    },
    /// Let ticks of a schedule submit jobs again
    Resume {
        /// The schedule's name
        schedule: String,
    },
    /// Submit a job of a schedule now and print its id
    Trigger {
        /// The schedule's name
        schedule: String,
    },
}

/// Which schedules to list.
#[derive(Debug, Args)]
pub(crate) struct ListFlags {
    /// At most so many
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// Where a former list ended
    #[arg(long)]
    cursor: Option<String>,
}

/// What to submit, and when.
#[derive(Debug, Args)]
pub(crate) struct PutFlags {
    /// The schedule's name
    schedule: String,
    /// When: '30 2 * * MON-FRI', with seconds '0 30 2 * * MON-FRI', or @hourly, @daily, @weekly, @monthly, @yearly
    cron: String,
    #[command(flatten)]
    handler: HandlerFlags,
    /// The IANA time zone, like Europe/Berlin [default: UTC]
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// While a job of it is live: `allow` another, `skip` the tick, or `cancel` that job [default: allow]
    #[arg(long, value_name = "POLICY")]
    overlap: Option<Overlap>,
    /// For ticks missed while the broker was down: `once` one job, or `skip` [default: once]
    #[arg(long, value_name = "POLICY")]
    catch_up: Option<CatchUp>,
    /// Submit its jobs up to so much later, like 5m [default: 0]
    #[arg(long, value_name = "SPAN")]
    jitter: Option<Span>,
    /// Do nothing until it is resumed
    #[arg(long)]
    paused: bool,
    #[command(flatten)]
    options: OptionFlags,
}

pub(crate) async fn run(
    command: ScheduleCommand,
    broker: &BrokerFlags,
    output: Output,
) -> anyhow::Result<()> {
    let client = broker.find()?.connect().await?;
    let schedule = match command {
        ScheduleCommand::Ls(ListFlags { limit, cursor }) => {
            let page = client.schedules(Some(limit), cursor.as_deref()).await?;
            output.list(&page.items)?;
            if let Some(next) = page.next {
                output.note(&format!("there are more: --cursor {next}"))?;
            }
            return Ok(());
        }
        ScheduleCommand::Rm { schedule } => {
            client.delete_schedule(&schedule).await?;
            return Ok(output.id("deleted", &schedule)?);
        }
        ScheduleCommand::Trigger { schedule } => {
            let job = client.trigger_schedule(&schedule).await?;
            return Ok(output.id("job", &job.to_string())?);
        }
        ScheduleCommand::Put(flags) => {
            let args = flags.handler.arguments(&client).await?;
            let (name, options) = flags.into_options(args);
            client.put_schedule(&name, &options).await?
        }
        ScheduleCommand::Show { schedule } => client.schedule(&schedule).await?,
        ScheduleCommand::Pause { schedule } => client.pause_schedule(&schedule).await?,
        ScheduleCommand::Resume { schedule } => client.resume_schedule(&schedule).await?,
    };
    Ok(output.record(&schedule.name, &schedule, &fields(&schedule))?)
}

impl PutFlags {
    fn into_options(self, args: Value) -> (String, ScheduleOptions) {
        let options = ScheduleOptions {
            cron: self.cron,
            timezone: self.timezone,
            handler: self.handler.name().to_owned(),
            args,
            opts: self.options.into_options(),
            overlap: self.overlap.unwrap_or_default(),
            catch_up: self.catch_up.unwrap_or_default(),
            jitter: self.jitter.unwrap_or_default(),
            paused: self.paused,
        };
        (self.schedule, options)
    }
}

impl Row for ScheduleView {
    const HEADINGS: &'static [&'static str] =
        &["SCHEDULE", "WHEN", "ZONE", "HANDLER", "NEXT", "LAST", "PAUSED"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.cron.clone(),
            self.timezone.clone(),
            self.handler.clone(),
            self.next.first().cloned().unwrap_or_default(),
            self.last.as_ref().map(outcome).unwrap_or_default(),
            if self.paused { "yes" } else { "" }.to_owned(),
        ]
    }

    fn id(&self) -> String {
        self.name.clone()
    }
}

/// A job, or why there is none.
fn outcome(tick: &TickView) -> String {
    let job = tick.job.iter().map(ToString::to_string);
    let skipped = tick.skipped.iter().map(|reason| format!("skipped: {reason}"));
    let error = tick.error.iter().map(ToString::to_string);
    job.chain(skipped).chain(error).collect::<Vec<_>>().join(", ")
}

fn fields(schedule: &ScheduleView) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("schedule", schedule.name.clone()),
        ("when", schedule.cron.clone()),
        ("meaning", schedule.description.clone()),
        ("time zone", schedule.timezone.clone()),
        ("handler", schedule.handler.clone()),
        ("overlap", schedule.overlap.to_string()),
        ("catch up", schedule.catch_up.to_string()),
        ("jitter", schedule.jitter.to_string()),
        ("paused", if schedule.paused { "yes" } else { "no" }.to_owned()),
        ("created", schedule.created_at.clone()),
        ("changed", schedule.changed_at.clone()),
    ];
    fields.extend(schedule.args.as_ref().map(|args| ("args", args.get().to_owned())));
    let opts = serde_json::to_string(&schedule.opts).ok().filter(|text| text != "{}");
    fields.extend(opts.map(|text| ("options", text)));
    fields.extend(schedule.next.iter().map(|at| ("next", at.clone())));
    fields.extend(schedule.recent.iter().map(|tick| ("recent", format!("{} {}", tick.at, outcome(tick)))));
    fields
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        put: PutFlags,
    }

    #[test]
    fn every_parameter_of_a_schedule_has_a_flag() {
        let line = "put|nightly|30 2 * * *|demo/add|x=1|--timezone|Europe/Berlin|--overlap|skip|--catch-up|skip|\
                    --jitter|5m|--paused|--queue|mail";
        let line = Line::try_parse_from(line.split('|')).unwrap();
        let (name, options) = line.put.into_options(json!({ "x": 1 }));
        assert_eq!(name, "nightly");
        let expected = json!({
            "cron": "30 2 * * *", "timezone": "Europe/Berlin", "handler": "demo/add", "args": { "x": 1 },
            "opts": { "queue": "mail" }, "overlap": "skip", "catch_up": "skip", "jitter": "5m", "paused": true,
        });
        assert_eq!(serde_json::to_value(options).unwrap(), expected);
    }
}
