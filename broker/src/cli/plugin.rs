//! `windlass plugin`: upload components, look at what is there, choose the version that runs.

use std::{fs, path::Path, path::PathBuf};

use bytes::Bytes;
use clap::{Args, Subcommand};
use windlass_client::ClientError;
use windlass_wire::{
    code::ErrorCode,
    limits::PLUGIN_BYTES_MAX,
    name::is_plugin_name,
    plugin::{HandlerView, PluginList, PluginView},
    problem::Problem,
};

use super::{
    broker::BrokerFlags,
    failure::Usage,
    output::{Output, Row},
    progress::Progress,
};

/// Digits of a digest that are shown to people.
const DIGEST_DIGITS_SHOWN: usize = 12;

#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// Upload a component and make it the active version
    Push(PushFlags),
    /// List the plugins
    Ls,
    /// Show a plugin with its handlers and versions, or one handler with its types and schemas
    Show {
        /// The plugin's name, or plugin/function
        name: String,
    },
    /// Make another version the active one
    Activate {
        /// The plugin's name
        name: String,
        /// The version's digest, or its beginning
        version: String,
    },
    /// Make the version active that was active before
    Rollback {
        /// The plugin's name
        name: String,
    },
}

/// What to upload.
#[derive(Debug, Args)]
pub(crate) struct PushFlags {
    /// The plugin's name [default: from the file's name], and the component
    #[arg(value_names = ["NAME", "FILE"], num_args = 1..=2, required = true)]
    name_and_file: Vec<String>,
}

pub(crate) async fn run(command: &PluginCommand, broker: &BrokerFlags, output: Output) -> anyhow::Result<()> {
    match command {
        PluginCommand::Push(flags) => push(flags, broker, output).await,
        PluginCommand::Ls => {
            let plugins: PluginList = broker.find()?.http()?.get("/v1/plugins").await?;
            Ok(output.list(&plugins.items)?)
        }
        PluginCommand::Show { name } => show(name, broker, output).await,
        PluginCommand::Activate { name, version } => {
            let plugin = broker.find()?.connect().await?.activate(checked(name)?, version).await?;
            activated(&plugin, output)
        }
        PluginCommand::Rollback { name } => {
            let plugin = broker.find()?.connect().await?.rollback(checked(name)?).await?;
            activated(&plugin, output)
        }
    }
}

fn activated(plugin: &PluginView, output: Output) -> anyhow::Result<()> {
    let fields = [(plugin.name.as_str(), format!("{} is now active", short(&plugin.active)))];
    Ok(output.record(&plugin.active, plugin, &fields)?)
}

async fn show(name: &str, broker: &BrokerFlags, output: Output) -> anyhow::Result<()> {
    let (plugin, function) = name.split_once('/').map_or((name, None), |(plugin, _)| (plugin, Some(name)));
    let path = format!("/v1/plugins/{}", checked(plugin)?);
    let plugin: PluginView = broker.find()?.http()?.get(&path).await?;
    let Some(function) = function else {
        return Ok(output.record(&plugin.name, &plugin, &fields(&plugin))?);
    };
    let meant = function.replace('_', "-");
    let handler = plugin.handlers.iter().find(|handler| handler.name == meant).ok_or_else(|| {
        let names: Vec<_> = plugin.handlers.iter().map(|handler| handler.name.as_str()).collect();
        let message = format!("there is no handler `{function}`");
        let problem = Problem::new(ErrorCode::UnknownHandler, message);
        ClientError::Refused(Box::new(problem.with_hint(format!("there are {}", names.join(", ")))))
    })?;
    Ok(output.record(&handler.name, handler, &handler_fields(handler))?)
}

async fn push(flags: &PushFlags, broker: &BrokerFlags, output: Output) -> anyhow::Result<()> {
    let (name, path) = flags.name_and_path()?;
    let component = read(&path)?;
    let upload = {
        let _progress = Progress::begin(output, format!("uploading and compiling {name}"));
        broker.find()?.http()?.upload(&name, component).await?
    };
    let digest = short(&upload.digest);
    let news = if upload.created { "is now active" } else { "was active already" };
    let handlers: Vec<_> = upload.plugin.handlers.iter().map(|handler| handler.name.as_str()).collect();
    let fields = [(name.as_str(), format!("{digest} {news}")), ("handlers", handlers.join("\n"))];
    Ok(output.record(&upload.digest, &upload, &fields)?)
}

impl PushFlags {
    fn name_and_path(&self) -> Result<(String, PathBuf), Usage> {
        match self.name_and_file.as_slice() {
            [name, file] => Ok((checked(name)?.to_owned(), PathBuf::from(file))),
            [file] => {
                let path = PathBuf::from(file);
                let stem = path.file_stem().unwrap_or_default().to_string_lossy();
                let name = stem.to_ascii_lowercase().replace(['_', '.', ' '], "-");
                checked(&name).map_err(|_| {
                    Usage(format!(
                        "`{file}` is not named like a plugin; give the name too: plugin push NAME {file}"
                    ))
                })?;
                Ok((name, path))
            }
            _ => Err(Usage("expected plugin push [NAME] FILE".to_owned())),
        }
    }
}

fn checked(name: &str) -> Result<&str, Usage> {
    let wrong =
        || Usage(format!("`{name}` is not a plugin's name: expected a-z, then up to 62 of a-z, 0-9 and -"));
    if is_plugin_name(name) { Ok(name) } else { Err(wrong()) }
}

fn read(path: &Path) -> Result<Bytes, Usage> {
    let unreadable = |error| Usage(format!("cannot read `{}`: {error}", path.display()));
    let size = fs::metadata(path).map_err(unreadable)?.len();
    if size > PLUGIN_BYTES_MAX as u64 {
        let reason = format!("`{}` has {size} bytes, a plugin at most {PLUGIN_BYTES_MAX}", path.display());
        return Err(Usage(reason));
    }
    fs::read(path).map(Bytes::from).map_err(unreadable)
}

impl Row for PluginView {
    const HEADINGS: &'static [&'static str] = &["PLUGIN", "ACTIVE", "VERSIONS", "HANDLERS"];

    fn cells(&self) -> Vec<String> {
        let handlers: Vec<_> = self.handlers.iter().map(|handler| handler.name.as_str()).collect();
        vec![self.name.clone(), short(&self.active), self.versions.len().to_string(), handlers.join("\n")]
    }

    fn id(&self) -> String {
        self.name.clone()
    }
}

fn fields(plugin: &PluginView) -> Vec<(&'static str, String)> {
    let signature = |handler: &HandlerView| format!("{}: {}", handler.name, handler.wit);
    let mut fields = vec![
        ("plugin", plugin.name.clone()),
        ("active", plugin.active.clone()),
        ("handlers", lines(plugin.handlers.iter().map(signature))),
    ];
    if !plugin.uncallable.is_empty() {
        let reasons = plugin.uncallable.iter().map(|export| format!("{}: {}", export.name, export.reason));
        fields.push(("uncallable", lines(reasons)));
    }
    fields.push(("imports", lines(plugin.imports.iter().cloned())));
    let versions = plugin.versions.iter();
    let versions = versions
        .map(|version| format!("{} {} {} bytes", short(&version.digest), version.uploaded_at, version.bytes));
    fields.push(("versions", lines(versions)));
    fields
}

fn handler_fields(handler: &HandlerView) -> Vec<(&'static str, String)> {
    vec![
        ("handler", handler.name.clone()),
        ("type", handler.wit.clone()),
        ("parameters", lines(handler.params.iter().map(|param| format!("{}: {}", param.name, param.wit)))),
        ("result", handler.result.clone().unwrap_or_else(|| "nothing".to_owned())),
        ("arguments", format!("{:#}", handler.args_schema)),
        ("value", format!("{:#}", handler.result_schema)),
    ]
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.collect::<Vec<_>>().join("\n")
}

fn short(digest: &str) -> String {
    digest.chars().take(DIGEST_DIGITS_SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(words: &[&str]) -> Result<(String, PathBuf), String> {
        let flags = PushFlags { name_and_file: words.iter().map(|word| (*word).to_owned()).collect() };
        flags.name_and_path().map_err(|error| error.to_string())
    }

    #[test]
    fn a_plugin_is_named_after_its_file_unless_told_otherwise() {
        let named = |words: &[&str]| named(words).unwrap().0;
        assert_eq!(named(&["target/plugin_demo.wasm"]), "plugin-demo");
        assert_eq!(named(&["math", "target/plugin_demo.wasm"]), "math");
    }

    #[test]
    fn a_name_that_cannot_be_one_is_refused() {
        assert!(named(&["2.wasm"]).unwrap_err().contains("plugin push NAME 2.wasm"));
        assert!(named(&["../x", "a.wasm"]).unwrap_err().contains("not a plugin's name"));
    }
}
