//! The command line: one file for each family of commands.

mod args;
mod backup;
mod bench;
mod broker;
mod completion;
mod doctor;
mod exit;
mod failure;
mod handler;
mod job;
mod output;
mod plugin;
mod progress;
mod queue;
mod restore;
mod run;
mod schedule;
mod search;
mod serve;
mod submit;
mod token;
mod top;
mod verify;
mod worker;

use std::process::ExitCode;

use anyhow::Context;
use clap::{CommandFactory, Parser, Subcommand};
use tokio::runtime::{Builder, Runtime};

use broker::BrokerFlags;
use failure::Failure;
use output::{Form, Output};

/// A job broker whose handlers are WebAssembly plugins.
#[derive(Debug, Parser)]
#[command(name = "windlass", version, max_term_width = 110, after_help = exit::HELP)]
struct Cli {
    /// How results are printed
    #[arg(short, long, global = true, value_enum, default_value_t = Form::Table)]
    output: Form,
    #[command(flatten)]
    broker: BrokerFlags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a broker to try things out: state in ./.windlass, demo plugins installed
    Dev(serve::ServeFlags),
    /// Run a broker
    Serve(serve::ServeFlags),
    /// Call a handler now and print its value
    Run(run::RunFlags),
    /// Submit a durable job and print its id
    Submit(Box<submit::SubmitFlags>),
    /// Wait for a job and print its result
    Wait(submit::WaitFlags),
    /// Upload plugins, look at them, choose their active version
    #[command(subcommand)]
    Plugin(plugin::PluginCommand),
    /// Look at jobs, cancel, release and retry them
    #[command(subcommand)]
    Job(job::JobCommand),
    /// Look at what runs jobs and calls
    #[command(subcommand)]
    Worker(worker::WorkerCommand),
    /// Look at queues, pause, limit and purge them
    #[command(subcommand)]
    Queue(queue::QueueCommand),
    /// Look at schedules, put, pause, trigger and delete them
    #[command(subcommand)]
    Schedule(schedule::ScheduleCommand),
    /// Print the token of the broker whose state is here
    Token(token::TokenFlags),
    /// Watch what the broker does
    Top,
    /// Drive a broker, and tell how many requests it answers and how long each takes
    Bench(bench::BenchFlags),
    /// Copy everything the broker remembers to a file, while it runs
    Backup(backup::BackupFlags),
    /// Make a data directory of a backup
    Restore(restore::RestoreFlags),
    /// Look over what the broker remembers, a backup, or the data directory of a broker that does not run
    Verify(verify::VerifyFlags),
    /// Print a script that completes commands and flags in a shell
    Completion(completion::CompletionFlags),
    /// Look whether this machine suits a broker, and whether one runs
    Doctor(serve::ServeFlags),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // With nobody to read it, the exit code still tells.
            drop(error.print());
            return ExitCode::from(if error.use_stderr() { exit::USAGE } else { exit::OK });
        }
    };
    let output = Output::new(cli.output);
    match dispatch(cli, output) {
        Ok(()) => ExitCode::from(exit::OK),
        Err(error) => match Failure::of(&error) {
            Some(failure) => {
                output.failure(&failure);
                ExitCode::from(failure.exit)
            }
            None => ExitCode::from(exit::OK),
        },
    }
}

fn dispatch(cli: Cli, output: Output) -> anyhow::Result<()> {
    let broker = &cli.broker;
    match cli.command {
        Command::Dev(flags) => server_runtime()?.block_on(serve::dev(&flags, output)),
        Command::Serve(flags) => server_runtime()?.block_on(serve::serve(&flags, output)),
        Command::Run(flags) => client_runtime()?.block_on(run::run(&flags, broker, output)),
        Command::Submit(flags) => client_runtime()?.block_on(submit::submit(*flags, broker, output)),
        Command::Wait(flags) => client_runtime()?.block_on(submit::wait(&flags, broker, output)),
        Command::Plugin(command) => client_runtime()?.block_on(plugin::run(&command, broker, output)),
        Command::Job(command) => client_runtime()?.block_on(job::run(&command, broker, output)),
        Command::Worker(command) => client_runtime()?.block_on(worker::run(&command, broker, output)),
        Command::Queue(command) => client_runtime()?.block_on(queue::run(&command, broker, output)),
        Command::Schedule(command) => client_runtime()?.block_on(schedule::run(command, broker, output)),
        Command::Token(flags) => token::run(&flags, output),
        Command::Top => client_runtime()?.block_on(top::run(broker, output)),
        Command::Bench(flags) => bench_runtime(&flags)?.block_on(bench::run(&flags, broker, output)),
        Command::Backup(flags) => client_runtime()?.block_on(backup::run(&flags, broker, output)),
        Command::Restore(flags) => restore::run(&flags, output),
        Command::Verify(flags) => client_runtime()?.block_on(verify::run(&flags, broker, output)),
        Command::Completion(flags) => completion::run(&flags, &mut Cli::command(), output),
        Command::Doctor(flags) => client_runtime()?.block_on(doctor::run(&flags, broker, output)),
    }
}

fn server_runtime() -> anyhow::Result<Runtime> {
    Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")
}

fn bench_runtime(flags: &bench::BenchFlags) -> anyhow::Result<Runtime> {
    let mut runtime = Builder::new_multi_thread();
    runtime.worker_threads(flags.threads()).enable_all().build().context("cannot start the runtime")
}

fn client_runtime() -> anyhow::Result<Runtime> {
    Builder::new_current_thread().enable_all().build().context("cannot start the runtime")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_of_all_commands_fit_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn negative_numbers_and_global_flags_go_anywhere() {
        let line = "windlass run demo/add x=-1 y=2 -o json --url http://127.0.0.1:1";
        let cli = Cli::try_parse_from(line.split(' ')).unwrap();
        assert_eq!(cli.output, Form::Json);
    }
}
