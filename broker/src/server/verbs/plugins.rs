//! Plugins: look at them, choose their active version.

use serde_json::{Map, Value, json};
use windlass_wire::{
    code::ErrorCode,
    plugin::{PluginList, PluginView},
    problem::Problem,
};

use crate::server::context::Context;

/// All plugins, sorted by name.
pub(in crate::server) fn plugins(context: &Context) -> PluginList {
    PluginList { items: context.registry.plugins().iter().map(|plugin| plugin.view()).collect() }
}

/// A plugin.
pub(in crate::server) fn plugin(context: &Context, name: &str) -> Result<PluginView, Problem> {
    context.registry.find(name).map(|plugin| plugin.view())
}

/// Makes a version the active one. `version` is a digest or the unique beginning of one.
pub(in crate::server) async fn activate(
    context: &Context,
    name: &str,
    version: &str,
) -> Result<PluginView, Problem> {
    context.registry.activate(name, version).await.map(|plugin| plugin.view())
}

/// Makes the version active that was active before.
pub(in crate::server) async fn rollback(context: &Context, name: &str) -> Result<PluginView, Problem> {
    context.registry.rollback(name).await.map(|plugin| plugin.view())
}

/// The JSON Schemas of a version's handlers: per handler those of its arguments and of its result. `version` is a
/// digest or the unique beginning of one.
pub(in crate::server) fn schemas(context: &Context, name: &str, version: &str) -> Result<Value, Problem> {
    let plugin = context.registry.find(name)?;
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
