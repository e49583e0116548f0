//! A plugin as clients see it.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A named plugin and its versions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PluginView {
    /// Its name.
    pub name: String,
    /// Digest of the active version.
    pub active: String,
    /// Digest of the version a rollback leads to; none if no other one was active before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_to: Option<String>,
    /// Its versions, newest first.
    pub versions: Vec<VersionView>,
    /// The handlers of the active version.
    pub handlers: Vec<HandlerView>,
    /// Exports of the active version that cannot be called, with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uncallable: Vec<UncallableView>,
    /// What the active version imports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<String>,
}

/// All plugins, sorted by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PluginList {
    /// The plugins.
    pub items: Vec<PluginView>,
}

/// One uploaded binary of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VersionView {
    /// SHA-256 of its bytes, hexadecimal.
    pub digest: String,
    /// Size of the component in bytes.
    pub bytes: u64,
    /// When it was uploaded first (RFC 3339).
    pub uploaded_at: String,
}

/// A callable function of a plugin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HandlerView {
    /// Full name, `plugin/function`.
    pub name: String,
    /// Its type as WIT writes it, e.g. `func(x: s32, y: s32) -> s32`.
    pub wit: String,
    /// Its parameters in order.
    pub params: Vec<ParamView>,
    /// Its result as WIT writes it; none = nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// JSON Schema of the arguments object.
    pub args_schema: Value,
    /// JSON Schema of the result.
    pub result_schema: Value,
}

/// A named, typed parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ParamView {
    /// Its name, in kebab case.
    pub name: String,
    /// Its type as WIT writes it.
    #[serde(rename = "type")]
    pub wit: String,
}

/// An export that cannot be called from JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UncallableView {
    /// The export's name.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// The answer to an upload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UploadView {
    /// Whether these bytes were new; uploading the active version again changes nothing.
    pub created: bool,
    /// Digest of the uploaded version, now active.
    pub digest: String,
    /// The plugin after the upload.
    pub plugin: PluginView,
}
