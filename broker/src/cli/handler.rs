//! Finding out what a handler takes and gives, before arguments are sent to it.

use std::{fs, path::Path};

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};
use windlass_client::{Client, ClientError};
use windlass_wire::{
    code::ErrorCode,
    plugin::{HandlerView, PluginList, PluginView},
};

use super::{args, failure::Usage};

/// A handler and its arguments, as every command that runs one takes them.
#[derive(Debug, Args)]
pub(crate) struct HandlerFlags {
    /// plugin/function, or just the function where only one plugin has it
    handler: String,
    /// NAME=VALUE (JSON, else text), or NAME=@FILE (base64 for bytes; - is stdin)
    #[arg(value_name = "NAME=VALUE", conflicts_with = "args")]
    pairs: Vec<String>,
    /// All arguments as one JSON object, @FILE, or - for stdin
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    args: Option<String>,
}

impl HandlerFlags {
    pub(crate) fn name(&self) -> &str {
        &self.handler
    }

    /// The arguments, typed as the handler wants them. An unknown handler is the broker's to refuse, whatever
    /// its arguments.
    pub(crate) async fn arguments(&self, client: &Client) -> anyhow::Result<Value> {
        if let Some(text) = &self.args {
            return args::from_json(text);
        }
        if self.pairs.is_empty() {
            return Ok(json!({}));
        }
        match find(client, &self.handler).await? {
            Some(handler) => args::from_pairs(&self.pairs, Some(&handler.args_schema)),
            None => Ok(json!({})),
        }
    }
}

/// The handler of that name, full or short, on the active versions; none if there is not exactly one.
async fn find(client: &Client, name: &str) -> anyhow::Result<Option<HandlerView>> {
    let plugins = match name.split_once('/') {
        Some((plugin, _)) => plugin_called(client, plugin).await?.into_iter().collect(),
        None => all_plugins(client).await?,
    };
    let name = name.replace('_', "-");
    let is_meant = |handler: &HandlerView| {
        handler.name == name || handler.name.split_once('/').is_some_and(|(_, function)| function == name)
    };
    let mut found = plugins.into_iter().flat_map(|plugin| plugin.handlers).filter(is_meant);
    Ok(found.next().filter(|_| found.next().is_none()))
}

async fn plugin_called(client: &Client, name: &str) -> anyhow::Result<Option<PluginView>> {
    match client.request("plugin.get", [("plugin", Value::from(name))]).await {
        Ok(view) => Ok(Some(serde_json::from_value(view)?)),
        Err(ClientError::Refused(problem)) if problem.code == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn all_plugins(client: &Client) -> anyhow::Result<Vec<PluginView>> {
    let list: PluginList = serde_json::from_value(client.request("plugin.list", []).await?)?;
    Ok(list.items)
}

/// Saves a handler's value: bytes as they are, text as text, anything else as JSON.
pub(crate) async fn save(client: &Client, handler: &str, value: &Value, path: &Path) -> anyhow::Result<()> {
    let handler = find(client, handler).await?;
    let is_bytes = handler.is_some_and(|handler| args::is_bytes(&handler.result_schema));
    let bytes = match value.as_str() {
        Some(text) if is_bytes => {
            base64_simd::STANDARD.decode_to_vec(text).context("the broker's base64 cannot be decoded")?
        }
        Some(text) => text.as_bytes().to_owned(),
        None => serde_json::to_vec_pretty(value)?,
    };
    fs::write(path, bytes)
        .map_err(|error| Usage(format!("cannot write `{}`: {error}", path.display())).into())
}
