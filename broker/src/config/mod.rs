//! What an operator may decide: flags, environment, file and defaults, in this order, made into one value.

mod error;
mod file;
mod layer;
#[cfg(test)]
mod tests;

use std::{
    net::{Ipv6Addr, SocketAddr},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use windlass_core::limits::RETENTION_MILLIS_DEFAULT;
use windlass_wire::span::{Span, Timeout};

pub use error::ConfigError;
pub use layer::{Key, Layer};

/// Runs at once. Far above what a processor of one machine can use.
const WORKERS_MAX: u32 = 1024;
/// The longest time for an orderly end.
const DRAIN_TIME_MAX: Span = Span::from_secs(3600);
/// Final jobs kept. Far above what one disk takes.
const RETENTION_JOBS_MAX: u64 = 1_000_000_000;
/// Hosts or origins in one list.
const LIST_ENTRIES_MAX: usize = 64;

/// The validated settings of a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `Host` headers accepted beside those of the loopback interface. Default: none.
    pub allowed_hosts: Vec<String>,
    /// Origins of web pages that may talk to the broker beside its own. Default: none.
    pub allowed_origins: Vec<String>,
    /// Where to listen; port 0 takes a free one. Loopback only. Default `127.0.0.1:7878`.
    pub bind: SocketAddr,
    /// The directory of all state. Default `./.windlass`.
    pub data: PathBuf,
    /// Whether the embedded demo plugins are installed. Default: no.
    pub demo: bool,
    /// How long running jobs may take to end once the broker is asked to stop. Default 25 s.
    pub drain: Duration,
    /// Which events are logged: a level, or levels by module as in `warn,windlass=debug`. Default `info`.
    pub log: String,
    /// How they are written. Default: plain text.
    pub log_format: LogFormat,
    /// How long final jobs are kept that do not say. Default 7 d.
    pub retention: Timeout,
    /// Final jobs kept at most, beside those that are kept until they are purged. Default 1,000,000.
    pub retention_jobs_max: u64,
    /// Where jobs are remembered. Default: on disk.
    pub store: StoreKind,
    /// Runs at once; 0 is one for each processor core. Default 0.
    pub workers: u32,
}

/// Where jobs are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// Only in memory: everything is lost when the broker ends.
    Memory,
    /// On disk.
    Sled,
}

/// How log events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            bind: SocketAddr::from(([127, 0, 0, 1], 7878)),
            data: PathBuf::from("./.windlass"),
            demo: false,
            drain: Duration::from_secs(25),
            log: "info".to_owned(),
            log_format: LogFormat::Text,
            retention: Timeout::After(Span::from_millis(RETENTION_MILLIS_DEFAULT)),
            retention_jobs_max: 1_000_000,
            store: StoreKind::Sled,
            workers: 0,
        }
    }
}

impl Settings {
    /// Takes each setting from the first layer that has it, or else the default.
    pub fn resolve(layers: &[Layer]) -> Result<Self, ConfigError> {
        let default = Self::default();
        let choice = Choice(layers);
        Ok(Self {
            allowed_hosts: choice.of(Key::AllowedHosts, |text| list(text, host))?.unwrap_or_default(),
            allowed_origins: choice.of(Key::AllowedOrigins, |text| list(text, origin))?.unwrap_or_default(),
            bind: choice.of(Key::Bind, bind)?.unwrap_or(default.bind),
            data: choice.of(Key::Data, data)?.unwrap_or(default.data),
            demo: default.demo,
            drain: choice.of(Key::Drain, drain)?.unwrap_or(default.drain),
            log: choice.of(Key::Log, log)?.unwrap_or(default.log),
            log_format: choice.of(Key::LogFormat, str::parse)?.unwrap_or(default.log_format),
            retention: choice.of(Key::Retention, retention)?.unwrap_or(default.retention),
            retention_jobs_max: choice
                .of(Key::RetentionJobsMax, retention_jobs_max)?
                .unwrap_or(default.retention_jobs_max),
            store: choice.of(Key::Store, str::parse)?.unwrap_or(default.store),
            workers: choice.of(Key::Workers, workers)?.unwrap_or(default.workers),
        })
    }
}

/// The layers, strongest first.
struct Choice<'a>(&'a [Layer]);

impl Choice<'_> {
    /// Reads a setting where it is given first. What `read` refuses with is what it expected.
    fn of<T>(&self, key: Key, read: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, ConfigError> {
        let Some((layer, text)) = self.0.iter().find_map(|layer| Some((layer, layer.text(key)?))) else {
            return Ok(None);
        };
        read(text).map(Some).map_err(|expected| ConfigError::Invalid {
            place: layer.place(key),
            value: text.chars().take(100).collect(),
            expected,
        })
    }
}

impl FromStr for StoreKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "memory" => Ok(Self::Memory),
            "sled" => Ok(Self::Sled),
            _ => Err("`sled` (on disk) or `memory`".to_owned()),
        }
    }
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => Err("`text` or `json`".to_owned()),
        }
    }
}

fn bind(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| "an address and a port like `127.0.0.1:7878`".to_owned())?;
    if address.ip().to_canonical().is_loopback() {
        Ok(address)
    } else {
        Err("a loopback address like `127.0.0.1:7878`: without TLS, which is not supported yet, tokens and \
             jobs would cross the network in the clear; put a proxy with TLS in front of it"
            .to_owned())
    }
}

fn data(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() { Err("a directory".to_owned()) } else { Ok(PathBuf::from(text)) }
}

fn drain(text: &str) -> Result<Duration, String> {
    match text.parse::<Span>() {
        Ok(span) if span <= DRAIN_TIME_MAX => Ok(span.duration()),
        Ok(_) | Err(_) => Err(format!("a span like `25s`, at most {DRAIN_TIME_MAX}")),
    }
}

fn log(text: &str) -> Result<String, String> {
    match text.parse::<tracing_subscriber::filter::Targets>() {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("a filter like `info` or `warn,windlass=debug` ({error})")),
    }
}

fn retention(text: &str) -> Result<Timeout, String> {
    text.parse().map_err(|_| "a span like `7d`, or `never`".to_owned())
}

fn retention_jobs_max(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(jobs) if jobs <= RETENTION_JOBS_MAX => Ok(jobs),
        Ok(_) | Err(_) => Err(format!("a whole number up to {RETENTION_JOBS_MAX}")),
    }
}

fn workers(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(workers) if workers <= WORKERS_MAX => Ok(workers),
        Ok(_) | Err(_) => Err(format!("a whole number from 0 (one for each core) to {WORKERS_MAX}")),
    }
}

fn host(text: &str) -> Result<String, String> {
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-".contains(&b))
    };
    if is_name(text) || text.parse::<Ipv6Addr>().is_ok() {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("host names like `jobs.example.org`, without scheme, port and path".to_owned())
    }
}

fn origin(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    match rest {
        Some(rest) if !rest.is_empty() && rest.bytes().all(plain) => Ok(text.to_ascii_lowercase()),
        Some(_) | None => Err("origins like `https://jobs.example.org`, without a path".to_owned()),
    }
}

fn list(text: &str, read: impl Fn(&str) -> Result<String, String>) -> Result<Vec<String>, String> {
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let entries = entries.map(read).collect::<Result<Vec<_>, _>>()?;
    if entries.len() > LIST_ENTRIES_MAX {
        Err(format!("at most {LIST_ENTRIES_MAX} entries"))
    } else {
        Ok(entries)
    }
}
