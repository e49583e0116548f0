//! `windlass doctor`: does this machine suit a broker, and does one run?

mod disk;
mod machine;
mod store;

use std::net::TcpListener;

use serde::Serialize;
use windlass_client::ClientError;
use windlass_wire::{
    connection::IdentityView,
    stats::{RetentionView, StatsView},
};

use super::{
    broker::BrokerFlags,
    output::{Output, Row},
    serve::ServeFlags,
};
use crate::config::Settings;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    /// Nothing to do.
    Ok,
    /// A broker runs, but not as well as it could.
    Warn,
    /// A broker does not run like this.
    Fail,
}

/// What a check found.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Finding {
    verdict: Verdict,
    check: &'static str,
    found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

/// At least one check failed.
#[derive(Debug, thiserror::Error)]
#[error("{0} of the checks failed")]
struct Unfit(usize);

pub(crate) async fn run(flags: &ServeFlags, broker: &BrokerFlags, output: Output) -> anyhow::Result<()> {
    let settings = flags.settings()?;
    let (broker, stats) = tokio::join!(running(broker), stats(broker));
    let mut findings = vec![machine::versions()];
    findings.extend(disk::checks(&settings.data));
    findings.push(port(&settings, broker.verdict == Verdict::Ok));
    findings.extend([
        machine::open_files(),
        machine::mappings(&settings),
        machine::swap(),
        machine::cleaning(),
    ]);
    findings.push(broker);
    findings.extend(
        stats.iter().flat_map(|stats| [kept(stats), store::syncs(&stats.sync), store::journal(&stats.store)]),
    );
    output.list(&findings)?;
    match findings.iter().filter(|finding| finding.verdict == Verdict::Fail).count() {
        0 => Ok(()),
        failed => Err(Unfit(failed).into()),
    }
}

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { verdict: Verdict::Ok, check, found: found.into(), advice: None }
    }

    fn warn(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warn, check, found: found.into(), advice: Some(advice.into()) }
    }

    fn fail(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fail, check, found: found.into(), advice: Some(advice.into()) }
    }
}

impl Row for Finding {
    const HEADINGS: &'static [&'static str] = &["", "CHECK", "FOUND"];

    fn cells(&self) -> Vec<String> {
        let verdict = match self.verdict {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail => "fail",
        };
        let advice = self.advice.as_ref().map(|advice| format!("\n-> {advice}")).unwrap_or_default();
        vec![verdict.to_owned(), self.check.to_owned(), format!("{}{advice}", self.found)]
    }

    fn id(&self) -> String {
        self.check.to_owned()
    }
}

fn port(settings: &Settings, broker_runs: bool) -> Finding {
    let bind = settings.bind;
    match TcpListener::bind(bind) {
        Ok(_) => Finding::ok("port", format!("{bind} is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && broker_runs => {
            Finding::ok("port", format!("{bind} is in use, and a broker runs"))
        }
        Err(error) => Finding::fail("port", format!("{bind}: {error}"), "choose another address with --bind"),
    }
}

async fn running(flags: &BrokerFlags) -> Finding {
    let broker = match flags.find() {
        Ok(broker) => broker,
        Err(error) => return Finding::warn("broker", error.to_string(), "start one with `windlass dev`"),
    };
    let identity: Result<IdentityView, ClientError> =
        async { broker.http()?.get("/v1/identity").await }.await;
    let ours = env!("CARGO_PKG_VERSION");
    match identity {
        Ok(identity) if identity.version == ours => {
            Finding::ok("broker", format!("{} answers, version {ours}", broker.url))
        }
        Ok(identity) => Finding::warn(
            "broker",
            format!("{} answers, version {}; this is {ours}", broker.url, identity.version),
            "use the command line of the broker's version",
        ),
        Err(error) => {
            Finding::warn("broker", error.to_string(), "start one with `windlass dev`, or check --token")
        }
    }
}

/// The figures of a running broker; nothing if none answers, which is told elsewhere.
async fn stats(flags: &BrokerFlags) -> Option<StatsView> {
    flags.find().ok()?.http().ok()?.get("/v1/stats").await.ok()
}

/// What a running broker keeps of jobs that have ended.
fn kept(stats: &StatsView) -> Finding {
    let RetentionView { jobs, tombstones } = stats.retention;
    let purged = stats.totals.get("purged").copied().unwrap_or_default();
    let found = format!("{jobs} final jobs, {tombstones} tombstones; {purged} jobs purged since the start");
    Finding::ok("kept", found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_a_failure_unless_a_broker_uses_it() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let settings = Settings { bind: taken.local_addr().unwrap(), ..Settings::default() };
        assert_eq!(port(&settings, false).verdict, Verdict::Fail);
        assert_eq!(port(&settings, true).verdict, Verdict::Ok);
        drop(taken);
        assert_eq!(port(&settings, false).verdict, Verdict::Ok);
    }

    #[test]
    fn advice_stands_below_what_was_found() {
        let finding = Finding::warn("swap", "there is swap", "switch it off");
        assert_eq!(finding.cells(), ["warn", "swap", "there is swap\n-> switch it off"]);
    }
}
