//! Plugins and versions as the store keeps them.
//!
//! The record of a version tells under which plugins it was uploaded; that of a plugin which version is
//! active and the last that were. So no record grows with the number of a plugin's versions.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use windlass_core::job::{Digest, Timestamp};

use super::catalog::Catalog;
use super::error::RegistryError;
use super::load::Loader;
use super::plugin::{Interface, Plugin, Uploaded, Version};
use crate::sandbox::EngineKind;
use crate::store::{Change, Family, Key, Pinned, Store, StoreError, Target, record};

/// Records read at once at start.
const PAGE_RECORDS: usize = 1_000;

#[derive(Debug, Serialize, Deserialize)]
struct PluginRecord {
    active: Digest,
    /// The versions that were active before, the last one last.
    #[serde(default)]
    former: Vec<Digest>,
}

#[derive(Debug, Serialize, Deserialize)]
struct VersionRecord {
    bytes: u64,
    kind: EngineKind,
    /// The blob with its [`Interface`], which may be larger than a record.
    interface: Digest,
    uploads: Vec<UploadRecord>,
}

#[derive(Debug, Serialize, Deserialize)]
struct UploadRecord {
    plugin: String,
    at: Timestamp,
}

/// Where the interface of a version lies. Its blobs stay for as long as this is there.
#[derive(Debug)]
pub(crate) struct Place {
    interface: Digest,
    _pinned: [Pinned; 2],
}

/// Keeps a component and its interface, and tells where the interface lies. Blocks on the disk.
pub(crate) fn keep(store: &Store, component: &[u8], interface: &Interface) -> Result<Place, StoreError> {
    let (_, component) = store.put_blob(component)?;
    let (interface, pinned) = store.put_blob(&record::encode(interface)?)?;
    Ok(Place { interface, _pinned: [component, pinned] })
}

/// The change after which the active version of `plugin` is remembered as the catalog has it. What the version
/// consists of must have been kept before.
pub(crate) fn activation(catalog: &Catalog, plugin: &Plugin) -> Result<Change, StoreError> {
    let Version { digest, bytes, kind, ref place, .. } = *plugin.active;
    let interface = place.interface;
    let uploads = catalog
        .uploads(&digest)
        .map(|(plugin, uploaded)| UploadRecord { plugin: plugin.name.clone(), at: uploaded.at })
        .collect();
    let version = VersionRecord { bytes, kind, interface, uploads };
    Change::default().set(&Key::Version(digest), &version)?.set(
        &Key::Plugin(plugin.name.clone()),
        &PluginRecord { active: digest, former: plugin.former.clone() },
    )
}

/// Reads everything. Blocks on the disk.
pub(crate) fn read_all(store: &Store, loader: &Arc<Loader>) -> Result<Catalog, RegistryError> {
    let mut versions: BTreeMap<String, Vec<Uploaded>> = BTreeMap::new();
    each(store, Family::Version, |key, record: VersionRecord| {
        let Key::Version(digest) = key else { return Ok(()) };
        let version = Arc::new(read_version(store, digest, &record, loader)?);
        for UploadRecord { plugin, at } in record.uploads {
            versions.entry(plugin).or_default().push(Uploaded { version: Arc::clone(&version), at });
        }
        Ok(())
    })?;
    let mut plugins = BTreeMap::new();
    each(store, Family::Plugin, |key, record: PluginRecord| {
        let Key::Plugin(name) = key else { return Ok(()) };
        let mut versions = versions.remove(&name).unwrap_or_default();
        versions.sort_by_key(|uploaded| std::cmp::Reverse(uploaded.at));
        let active = versions.iter().find(|uploaded| uploaded.version.digest == record.active);
        let active = active.map(|uploaded| Arc::clone(&uploaded.version)).ok_or_else(|| {
            RegistryError::Lost { what: format!("version `{}` of plugin `{name}`", record.active) }
        })?;
        plugins.insert(name.clone(), Arc::new(Plugin { name, active, former: record.former, versions }));
        Ok(())
    })?;
    Ok(Catalog::new(plugins))
}

fn read_version(
    store: &Store,
    digest: Digest,
    record: &VersionRecord,
    loader: &Arc<Loader>,
) -> Result<Version, RegistryError> {
    let interface = store
        .blob(&record.interface)?
        .ok_or_else(|| RegistryError::Lost { what: format!("what version `{digest}` offers") })?;
    let pinned = [digest, record.interface].map(|blob| store.pin(Target::Blob(blob)));
    let place = Place { interface: record.interface, _pinned: pinned };
    let interface = (record::decode(&interface)?, place);
    Ok(Version::new(digest, record.bytes, record.kind, interface, Arc::clone(loader)))
}

fn each<T: DeserializeOwned>(
    store: &Store,
    family: Family,
    mut take: impl FnMut(Key, T) -> Result<(), RegistryError>,
) -> Result<(), RegistryError> {
    let mut after = None;
    loop {
        let page = store.list(family, after.as_ref(), PAGE_RECORDS)?;
        let full = page.len() == PAGE_RECORDS;
        after = page.last().map(|(key, _)| key.clone());
        for (key, record) in page {
            take(key, record)?;
        }
        if !full {
            return Ok(());
        }
    }
}
