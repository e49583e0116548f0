//! `windlass serve` and `windlass dev`: be a broker.

use std::{
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;

use super::{
    broker::{DATA_DEFAULT, TOKEN_FILE, URL_FILE, read_line},
    output::Output,
};
use crate::{
    config::{ConfigError, Key, Layer, Settings},
    shutdown::Requests,
    telemetry,
};

/// The settings of a broker. They stay text here: flags, environment and file are understood in one place.
#[derive(Debug, Args)]
pub(crate) struct ServeFlags {
    /// A TOML file with settings
    #[arg(long, value_name = "FILE", env = "WINDLASS_CONFIG")]
    config: Option<PathBuf>,
    /// Where to listen; port 0 takes a free one [default: 127.0.0.1:7878]
    #[arg(long, value_name = "ADDRESS")]
    bind: Option<String>,
    /// The directory of all state [default: ./.windlass]
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// Runs at once; 0 is one for each core [default: 0]
    #[arg(long, value_name = "COUNT")]
    workers: Option<String>,
    /// How long final jobs are kept that do not say, or never: until they are purged [default: 7d]
    #[arg(long, value_name = "SPAN")]
    retention: Option<String>,
    /// Final jobs kept at most, beside those that are kept until they are purged [default: 1000000]
    #[arg(long, value_name = "COUNT")]
    retention_jobs_max: Option<String>,
    /// sled (on disk) or memory [default: sled]
    #[arg(long, value_name = "KIND")]
    store: Option<String>,
    /// How long running jobs may take to end when the broker is stopped [default: 25s]
    #[arg(long, value_name = "SPAN")]
    drain: Option<String>,
    /// `Host` headers to accept beside those of this machine, with commas
    #[arg(long, value_name = "HOSTS")]
    allowed_hosts: Option<String>,
    /// Origins of web pages to accept beside our own, with commas
    #[arg(long, value_name = "ORIGINS")]
    allowed_origins: Option<String>,
    /// Which events are logged, like warn,windlass=debug [default: info]
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// text or json [default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
}

impl ServeFlags {
    pub(crate) fn settings(&self) -> Result<Settings, ConfigError> {
        let flags = Layer::from_flags([
            (Key::AllowedHosts, self.allowed_hosts.clone()),
            (Key::AllowedOrigins, self.allowed_origins.clone()),
            (Key::Bind, self.bind.clone()),
            (Key::Data, self.data.clone()),
            (Key::Drain, self.drain.clone()),
            (Key::Log, self.log.clone()),
            (Key::LogFormat, self.log_format.clone()),
            (Key::Retention, self.retention.clone()),
            (Key::RetentionJobsMax, self.retention_jobs_max.clone()),
            (Key::Store, self.store.clone()),
            (Key::Workers, self.workers.clone()),
        ]);
        let mut layers = vec![flags, Layer::from_env(|name| env::var(name).ok())];
        if let Some(path) = &self.config {
            layers.push(Layer::from_file(path)?);
        }
        Settings::resolve(&layers)
    }
}

pub(crate) async fn serve(flags: &ServeFlags, output: Output) -> anyhow::Result<()> {
    be_a_broker(flags.settings()?, output).await
}

pub(crate) async fn dev(flags: &ServeFlags, output: Output) -> anyhow::Result<()> {
    be_a_broker(Settings { demo: true, ..flags.settings()? }, output).await
}

async fn be_a_broker(settings: Settings, output: Output) -> anyhow::Result<()> {
    telemetry::start(&settings.log, settings.log_format).context("cannot start logging")?;
    let (data, demo) = (settings.data.clone(), settings.demo);
    let mut url_file = None;
    let ready = |address| {
        url_file = Some(UrlFile::write(&data, address)?);
        announce(&data, address, demo, output)
    };
    crate::run(settings, ready, Requests::by_signals()?).await?;
    Ok(())
}

/// Says where we listen. Programs wait for the first line and may read no further; the rest is for people.
fn announce(data: &Path, address: SocketAddr, demo: bool, output: Output) -> std::io::Result<()> {
    output.line(&format!("windlass listening on http://{address}"))?;
    match output.line(&invitation(data, address, demo)) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        said => said,
    }
}

/// How to go on from here.
fn invitation(data: &Path, address: SocketAddr, demo: bool) -> String {
    let fragment =
        read_line(&data.join(TOKEN_FILE)).map_or_else(String::new, |token| format!("#token={token}"));
    let console = format!("console http://{address}/{fragment}");
    if !demo {
        return console;
    }
    let windlass = env::args().next().unwrap_or_else(|| "windlass".to_owned());
    // Commands look for a broker in the default directory only.
    let found = if data == Path::new(DATA_DEFAULT) {
        String::new()
    } else {
        let data = data.display();
        format!(
            "export WINDLASS_URL=http://{address} WINDLASS_TOKEN=\"$({windlass} token --data '{data}')\"\n  "
        )
    };
    format!(
        "{console}\n\nTry in another terminal, in this directory:\n  \
             {found}{windlass} run demo/add x=10 y=20\n  \
             {windlass} submit demo/greet name=Ada --wait\n  \
             {windlass} run thumbnail/thumbnail image=@photo.jpg width=320 height=240 --out small.jpg"
    )
}

/// Tells clients in the same directory where we listen. Removed when dropped; after a crash it stays, and
/// clients find nobody there.
struct UrlFile(PathBuf);

impl UrlFile {
    fn write(data: &Path, address: SocketAddr) -> std::io::Result<Self> {
        let path = data.join(URL_FILE);
        fs::write(&path, format!("http://{address}\n"))?;
        Ok(Self(path))
    }
}

impl Drop for UrlFile {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "cannot remove the file that says where we listen");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_commands_are_told_of_a_broker_elsewhere() {
        let address = SocketAddr::from(([127, 0, 0, 1], 7878));
        let is_told = |data| invitation(Path::new(data), address, true).contains("export WINDLASS_URL=");
        assert!(is_told("/var/lib/windlass"));
        assert!(!is_told(DATA_DEFAULT));
    }
}
