//! Plugins: look at them.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use windlass_wire::{code::ErrorCode, plugin::PluginView, problem::Problem};

use crate::registry::Plugin;
use crate::server::context::Context;

/// All plugins, sorted by name.
pub(in crate::server) fn plugins(context: &Context) -> Vec<PluginView> {
    context.registry.plugins().iter().map(|plugin| plugin.view()).collect()
}

/// A plugin.
pub(in crate::server) fn plugin(context: &Context, name: &str) -> Result<PluginView, Problem> {
    find(context, name).map(|plugin| plugin.view())
}

/// The JSON Schemas of a version's handlers: per handler those of its arguments and of its result. `version` is a
/// digest or the unique beginning of one.
pub(in crate::server) fn schemas(context: &Context, name: &str, version: &str) -> Result<Value, Problem> {
    let plugin = find(context, name)?;
    let mut versions =
        plugin.versions.iter().filter(|uploaded| uploaded.version.digest.to_string().starts_with(version));
    let (Some(found), None) = (versions.next(), versions.next()) else {
        return Err(Problem::new(ErrorCode::NotFound, format!("`{name}` has no single version `{version}`"))
            .with_hint(format!("`GET /v1/plugins/{name}` lists its versions")));
    };
    let schemas = found.version.handler_views(name).into_iter().map(|handler| {
        (handler.name, json!({ "args": handler.args_schema, "result": handler.result_schema }))
    });
    Ok(Value::Object(schemas.collect::<Map<_, _>>()))
}

fn find(context: &Context, name: &str) -> Result<Arc<Plugin>, Problem> {
    context.registry.plugin(name).ok_or_else(|| {
        Problem::new(ErrorCode::NotFound, format!("there is no plugin `{name}`"))
            .with_hint("`GET /v1/plugins` or `plugin.list` shows those there are")
    })
}
