//! All plugins at one moment, and how a name leads to a handler.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::json;
use windlass_core::job::Digest;
use windlass_wire::{code::ErrorCode, problem::Problem};

use super::plugin::{Plugin, Uploaded, Version, kebab};
use super::{NAMES_MAX, PLUGINS_MAX, VERSIONS_MAX};

/// The shortest beginning of a digest that may stand for it.
const DIGEST_PREFIX_MIN: usize = 4;
/// Names a wrong one is compared with.
const COMPARED_MAX: usize = 2_000;
/// A longer name is not compared, in bytes.
const COMPARED_NAME_BYTES_MAX: usize = 150;
/// How alike two names must be for one to be meant by the other, from 0 to 1.
const ALIKE_MIN: f64 = 0.5;
/// Plugins named in the refusal of an ambiguous name.
const CANDIDATES_MAX: usize = 20;

/// An immutable snapshot.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    pub(crate) plugins: BTreeMap<String, Arc<Plugin>>,
    versions: HashMap<Digest, Arc<Version>>,
    /// Which plugins' active versions have a handler of a name.
    exporters: HashMap<String, Vec<Arc<Plugin>>>,
}

/// A handler that was found by its name.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The version to run.
    pub version: Arc<Version>,
    /// The handler's number in it.
    pub handler: usize,
    /// The handler's full name, `plugin/function`.
    pub full_name: String,
}

impl Catalog {
    pub(crate) fn new(plugins: BTreeMap<String, Arc<Plugin>>) -> Self {
        let mut catalog = Self { plugins, ..Self::default() };
        for plugin in catalog.plugins.values() {
            for uploaded in &plugin.versions {
                catalog.versions.insert(uploaded.version.digest, Arc::clone(&uploaded.version));
            }
            for signature in &plugin.active.signatures {
                catalog.exporters.entry(signature.name.clone()).or_default().push(Arc::clone(plugin));
            }
        }
        catalog
    }

    /// The catalog with a plugin as it is now. Every plugin that has its active version gets the same one.
    pub(crate) fn with(&self, plugin: &Arc<Plugin>) -> Self {
        let version = &plugin.active;
        let updated = self.plugins.iter().map(|(name, other)| {
            let same = self.version(&version.digest).is_none_or(|known| Arc::ptr_eq(known, version));
            let other = if same { Arc::clone(other) } else { Arc::new(other.with_version(version)) };
            (name.clone(), other)
        });
        let mut plugins: BTreeMap<_, _> = updated.collect();
        plugins.insert(plugin.name.clone(), Arc::clone(plugin));
        Self::new(plugins)
    }

    /// Refuses a plugin that makes too many of something.
    pub(crate) fn check_limits(&self, plugin: &Plugin) -> Result<(), Problem> {
        let counts = [
            (self.plugins.len(), PLUGINS_MAX, "the broker has", "plugins"),
            (plugin.versions.len(), VERSIONS_MAX, "the plugin has", "versions"),
            (self.uploads(&plugin.active.digest).count(), NAMES_MAX, "the component belongs to", "plugins"),
        ];
        match counts.into_iter().find(|(count, max, ..)| count > max) {
            None => Ok(()),
            Some((_, max, who, what)) => Err(Problem::new(
                ErrorCode::BadState,
                format!("{who} {max} {what} already, which is the limit"),
            )),
        }
    }

    /// The plugins that have a version.
    pub(crate) fn uploads(&self, version: &Digest) -> impl Iterator<Item = (&Plugin, &Uploaded)> {
        self.plugins.values().filter_map(|plugin| {
            let uploaded = plugin.versions.iter().find(|uploaded| uploaded.version.digest == *version)?;
            Some((plugin.as_ref(), uploaded))
        })
    }

    pub(crate) fn version(&self, digest: &Digest) -> Option<&Arc<Version>> {
        self.versions.get(digest)
    }

    pub(crate) fn resolve(&self, name: &str, version: Option<&str>) -> Result<Resolved, Problem> {
        let (plugin, function) = match name.split_once('/') {
            Some((plugin, function)) => {
                (self.plugins.get(plugin).ok_or_else(|| self.unknown(name))?, function)
            }
            None => (self.exporter(name)?, name),
        };
        let version = match version {
            Some(digest) => chosen(plugin, digest)?,
            None => &plugin.active,
        };
        let Some(handler) = version.handler(function) else {
            return Err(self.unknown(name));
        };
        let full_name = format!("{}/{}", plugin.name, version.signatures[handler].name);
        Ok(Resolved { version: Arc::clone(version), handler, full_name })
    }

    /// The one plugin whose active version has the handler.
    fn exporter(&self, name: &str) -> Result<&Arc<Plugin>, Problem> {
        let name = kebab(name);
        match self.exporters.get(name.as_ref()).map(Vec::as_slice) {
            Some([plugin]) => Ok(plugin),
            Some(several) => Err(ambiguous(&name, several)),
            None => Err(self.unknown(&name)),
        }
    }

    fn unknown(&self, name: &str) -> Problem {
        let problem =
            Problem::new(ErrorCode::UnknownHandler, format!("there is no handler `{}`", shown(name)));
        match self.nearest(name) {
            Some(nearest) => problem
                .with_hint(format!("did you mean `{nearest}`?"))
                .with_detail(json!({ "nearest": nearest })),
            None => problem.with_hint("`windlass plugin ls` lists all plugins"),
        }
    }

    /// The full name of the handler most like a wrong name.
    fn nearest(&self, name: &str) -> Option<String> {
        if name.len() > COMPARED_NAME_BYTES_MAX {
            return None;
        }
        let name = kebab(name);
        let handlers = self.plugins.values().flat_map(|plugin| {
            plugin
                .active
                .signatures
                .iter()
                .map(move |signature| (plugin.name.as_str(), signature.name.as_str()))
        });
        let compared = handlers.take(COMPARED_MAX).map(|(plugin, function)| {
            let full = format!("{plugin}/{function}");
            let candidate = if name.contains('/') { full.as_str() } else { function };
            (strsim::normalized_damerau_levenshtein(&name, candidate), full)
        });
        let (alike, nearest) = compared.max_by(|(left, _), (right, _)| left.total_cmp(right))?;
        (alike >= ALIKE_MIN).then_some(nearest)
    }
}

/// The version of a plugin whose digest begins so.
pub(crate) fn chosen<'a>(plugin: &'a Plugin, digest: &str) -> Result<&'a Arc<Version>, Problem> {
    let name = &plugin.name;
    let hint = || format!("`windlass plugin show {name}` lists its versions");
    if digest.len() < DIGEST_PREFIX_MIN {
        let message = format!("a version is named by at least {DIGEST_PREFIX_MIN} digits of its digest");
        return Err(Problem::new(ErrorCode::BadRequest, message).with_hint(hint()));
    }
    let mut matching = plugin
        .versions
        .iter()
        .map(|uploaded| &uploaded.version)
        .filter(|version| version.digest.to_string().starts_with(digest));
    match (matching.next(), matching.next()) {
        (Some(version), None) => Ok(version),
        (Some(_), Some(_)) => {
            let message = format!("several versions of `{name}` begin with `{}`", shown(digest));
            Err(Problem::new(ErrorCode::BadRequest, message).with_hint(hint()))
        }
        (None, _) => {
            let message = format!("`{name}` has no version `{}`", shown(digest));
            Err(Problem::new(ErrorCode::NotFound, message).with_hint(hint()))
        }
    }
}

fn ambiguous(name: &str, plugins: &[Arc<Plugin>]) -> Problem {
    let candidates: Vec<String> =
        plugins.iter().take(CANDIDATES_MAX).map(|plugin| format!("{}/{name}", plugin.name)).collect();
    let message = format!("{} plugins have a handler `{name}`", plugins.len());
    let hint = candidates.first().map(|first| format!("say which one, for example `{first}`"));
    let problem =
        Problem::new(ErrorCode::UnknownHandler, message).with_detail(json!({ "candidates": candidates }));
    Problem { hint, ..problem }
}

/// A name from outside, short enough to be repeated.
fn shown(name: &str) -> String {
    let mut short: String = name.chars().take(COMPARED_NAME_BYTES_MAX).collect();
    if short.len() < name.len() {
        short.push('…');
    }
    short
}
