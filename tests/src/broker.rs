//! A broker: a process of the built binary, on a free port, in a data directory of its own.

use std::{
    ffi::OsString,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::{
    fixtures, http,
    http::{Call, Reply},
    socket::Socket,
    within,
};

const STDERR_LINES_SHOWN: usize = 200;
/// The unit of processor time in `/proc`, which Linux fixes for programs.
const TICKS_PER_SECOND: u64 = 100;

/// A running broker. Dropping it kills the process; when a test fails, what it wrote to stderr is shown.
#[derive(Debug)]
pub struct Broker {
    child: Child,
    home: TempDir,
    options: Options,
    address: SocketAddr,
}

/// How its process is started, each time.
#[derive(Debug, Default)]
struct Options {
    args: Vec<String>,
    variables: Vec<(&'static str, OsString)>,
}

impl Broker {
    /// Starts a broker with empty state and waits until it listens.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts a broker with empty state and further arguments of `windlass serve`.
    pub async fn start_with(args: &[&str]) -> Self {
        Self::start_at(home(), args, Vec::new()).await
    }

    /// Starts a broker on the state that a compressed tar archive has under `data`. What else it has lies beside.
    pub async fn start_on(archive: &Path) -> Self {
        let home = home();
        unpack(archive, home.path());
        Self::start_at(home, &[], Vec::new()).await
    }

    /// Starts a broker on the state in `home`, if there is any, with further arguments and variables of its environment.
    pub async fn start_at(home: TempDir, args: &[&str], variables: Vec<(&'static str, OsString)>) -> Self {
        let options = Options { args: args.iter().map(ToString::to_string).collect(), variables };
        let (child, address) = within("the broker to listen", listen(home.path(), &options)).await;
        Self { child, home, options, address }
    }

    /// Starts a broker that has the demo plugin.
    pub async fn with_demo() -> Self {
        Self::with_demo_and(&[]).await
    }

    /// Starts a broker that has the demo plugin, with further arguments.
    pub async fn with_demo_and(args: &[&str]) -> Self {
        let broker = Self::start_with(args).await;
        broker.upload("demo").await;
        broker
    }

    /// Changes the variables of its environment from the next start on.
    pub fn set_variables(&mut self, variables: Vec<(&'static str, OsString)>) {
        self.options.variables = variables;
    }

    /// Starts it again on the same state, after it has ended.
    pub async fn restart(&mut self) {
        (self.child, self.address) =
            within("the broker to listen again", listen(self.home.path(), &self.options)).await;
    }

    /// Kills it with SIGKILL, as a power cut of the process, and reaps it.
    pub async fn kill9(&mut self) {
        self.child.kill().await.expect("a process can be killed by its parent");
    }

    /// Starts it again and kills it after the given time, whether or not it listens by then.
    pub async fn start_and_kill9(&mut self, after: Duration) {
        self.child = spawn(self.home.path(), &self.options);
        tokio::time::sleep(after).await;
        self.kill9().await;
    }

    /// Asks it to shut down by SIGTERM and answers how it ended.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.ended().await
    }

    /// Sends the process a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("a child that was not reaped can be signalled");
    }

    /// Waits until the process has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        within("the broker to end", self.child.wait()).await.expect("a child can be waited for")
    }

    fn pid(&self) -> Pid {
        let number = self.child.id().expect("the broker runs");
        Pid::from_raw(number.cast_signed()).expect("a process id is positive")
    }

    /// Processor time the process has used so far.
    pub fn cpu_time(&self) -> Duration {
        let number = self.pid().as_raw_nonzero();
        let stat = fs::read_to_string(format!("/proc/{number}/stat")).expect("the broker runs");
        // After the name, which may have anything in it: user and system time are the 12th and 13th, in ticks.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
        let ticks: u64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND)
    }

    /// Memory the process has resident, in bytes.
    pub fn memory_bytes(&self) -> u64 {
        let number = self.pid().as_raw_nonzero();
        let status = fs::read_to_string(format!("/proc/{number}/status")).expect("the broker runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process has memory");
        let kilobytes = line.split_whitespace().next().and_then(|number| number.parse::<u64>().ok());
        kilobytes.expect("the line begins with a number of kB") * 1024
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its data directory.
    pub fn data(&self) -> PathBuf {
        data(self.home.path())
    }

    /// A directory for the test's own files, beside the data directory.
    pub fn scratch(&self) -> &Path {
        self.home.path()
    }

    /// The token it made at its first start.
    pub fn token(&self) -> String {
        let path = self.data().join("token");
        let text = fs::read_to_string(&path);
        text.unwrap_or_else(|error| panic!("`{}`: {error}", path.display())).trim().to_owned()
    }

    /// What it and its predecessors on this state wrote to stderr.
    pub fn stderr(&self) -> String {
        fs::read_to_string(stderr(self.home.path())).unwrap_or_default()
    }

    /// Opens a WebSocket with the broker's token.
    pub async fn socket(&self) -> Socket {
        Socket::open(self.address, &self.token()).await
    }

    /// Begins an HTTP request with the broker's token.
    pub fn request(&self, method: &str, path: &str) -> Call {
        Call::new(self.address, method, path).header("authorization", format!("Bearer {}", self.token()))
    }

    /// `GET path`.
    pub async fn get(&self, path: &str) -> Reply {
        self.request("GET", path).send().await
    }

    /// `POST path` with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.request("POST", path).json(body).send().await
    }

    /// Uploads a first-party plugin under its own name and answers what the broker said.
    pub async fn upload(&self, name: &str) -> Value {
        self.upload_bytes(name, fixtures::plugin_bytes(name)).await.expect_status(201).json()
    }

    /// Uploads bytes as a plugin.
    pub async fn upload_bytes(&self, name: &str, bytes: Vec<u8>) -> Reply {
        self.request("PUT", &format!("/v1/plugins/{name}")).body("application/wasm", bytes).send().await
    }

    /// Submits a job over HTTP and answers its id.
    pub async fn submit(&self, handler: &str, args: Value, opts: Value) -> String {
        let body = json!({ "handler": handler, "args": args, "opts": opts });
        let reply = self.post("/v1/jobs", &body).await.expect_status(201).json();
        reply["job"].as_str().expect("an accepted job has an id").to_owned()
    }

    /// The record of a job.
    pub async fn job(&self, job: &str) -> Value {
        self.get(&format!("/v1/jobs/{job}")).await.expect_status(200).json()
    }

    /// The value of a metric, summed over its labels.
    pub async fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").await.expect_status(200).text();
        http::metric(&text, name).unwrap_or_else(|| panic!("no metric `{name}` in:\n{text}"))
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let stderr = self.stderr();
            let lines: Vec<_> = stderr.lines().collect();
            let last = lines.len().saturating_sub(STDERR_LINES_SHOWN);
            show(&format!("--- stderr of the broker, last lines ---\n{}\n---", lines[last..].join("\n")));
        }
    }
}

#[expect(clippy::print_stderr, reason = "the log of a failed test belongs to that test's output")]
fn show(text: &str) {
    eprintln!("{text}");
}

/// Unpacks a compressed tar archive into a directory.
pub fn unpack(archive: &Path, directory: &Path) {
    let mut tar = std::process::Command::new("tar");
    let status = tar.arg("-xzf").arg(archive).arg("-C").arg(directory).status().expect("there is a `tar`");
    assert!(status.success(), "`{}` can be unpacked: {status}", archive.display());
}

fn home() -> TempDir {
    tempfile::tempdir().expect("a temporary directory can be made")
}

fn data(home: &Path) -> PathBuf {
    home.join("data")
}

fn stderr(home: &Path) -> PathBuf {
    home.join("stderr.log")
}

/// A process of the built binary that does not see our own environment, and dies with its owner.
pub fn command() -> Command {
    let mut command = Command::new(fixtures::binary());
    command
        .env_clear()
        .envs(std::env::vars_os().filter(|(key, _)| key == "PATH" || key == "HOME"))
        .kill_on_drop(true);
    command
}

/// Spawns `windlass serve` on the state in `home` without waiting for anything; stdout is piped.
fn spawn(home: &Path, options: &Options) -> Child {
    let log =
        fs::OpenOptions::new().create(true).append(true).open(stderr(home)).expect("a log file can be made");
    command()
        .args(["serve", "--bind", "127.0.0.1:0", "--data"])
        .arg(data(home))
        .args(&options.args)
        .envs(options.variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .expect("the built binary can be run")
}

/// Waits for the line that says where the process listens; none if it ended without one.
async fn announced(child: &mut Child) -> Option<SocketAddr> {
    let stdout = child.stdout.take().expect("stdout is piped");
    let line = BufReader::new(stdout).lines().next_line().await.ok()??;
    let address = line.strip_prefix("windlass listening on http://").map(str::parse);
    let Some(Ok(address)) = address else { panic!("the first line of stdout is `{line}`") };
    Some(address)
}

async fn listen(home: &Path, options: &Options) -> (Child, SocketAddr) {
    let mut child = spawn(home, options);
    if let Some(address) = announced(&mut child).await {
        return (child, address);
    }
    let status = child.wait().await;
    let log = fs::read_to_string(stderr(home)).unwrap_or_default();
    panic!("the broker ended before it listened: {status:?}\n{log}")
}
