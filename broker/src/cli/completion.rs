//! `windlass completion`: a script for a shell.

use clap::{Args, Command};
use clap_complete::{Shell, generate};

use super::output::Output;

/// For which shell.
#[derive(Debug, Args)]
#[command(
    after_help = "For bash: windlass completion bash > ~/.local/share/bash-completion/completions/windlass"
)]
pub(crate) struct CompletionFlags {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(flags: &CompletionFlags, command: &mut Command, output: Output) -> anyhow::Result<()> {
    Ok(output.text(&script(flags.shell, command)?)?)
}

fn script(shell: Shell, command: &mut Command) -> anyhow::Result<String> {
    let mut script = Vec::new();
    generate(shell, command, "windlass", &mut script);
    Ok(String::from_utf8(script)?)
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_shell_learns_every_command() {
        for shell in Shell::value_variants() {
            let mut command = Command::new("windlass").subcommand(Command::new("frobnicate"));
            assert!(script(*shell, &mut command).unwrap().contains("frobnicate"), "{shell}");
        }
    }
}
