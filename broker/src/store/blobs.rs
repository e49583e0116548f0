//! Content kept in files named by their digest.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use sha2::{Digest as _, Sha256};
use windlass_core::job::Digest;

use super::error::{Limit, StoreError};

/// A directory of blobs: `ab/<digest>`, where `ab` are the first two digits, and `incoming/` for files
/// that are still being written.
#[derive(Debug)]
pub(crate) struct BlobDir {
    root: PathBuf,
    incoming: AtomicU64,
}

impl BlobDir {
    /// Opens or creates the directory and removes what an interrupted write left. The caller holds the
    /// lock of the store, so nothing here is being written.
    pub(crate) fn open(root: PathBuf) -> io::Result<Self> {
        let incoming = root.join("incoming");
        fs::create_dir_all(&incoming)?;
        for entry in fs::read_dir(&incoming)? {
            fs::remove_file(entry?.path())?;
        }
        sync_dir(&root)?;
        Ok(Self { root, incoming: AtomicU64::new(0) })
    }

    /// Writes the bytes and syncs the file, its name and the folder, in the order that never leaves a
    /// name without its content.
    pub(crate) fn put(&self, digest: &Digest, bytes: &[u8]) -> Result<(), StoreError> {
        Limit::Blob.check(bytes.len())?;
        let (folder, path) = self.place(digest);
        if !path.exists() {
            fs::create_dir_all(&folder)?;
            let name = self.incoming.fetch_add(1, Ordering::Relaxed).to_string();
            let written = self.root.join("incoming").join(name);
            let mut file = File::create_new(&written)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&written, &path)?;
        }
        // Also for a blob that is there: another thread may have renamed it and not yet synced its name.
        sync_dir(&folder)?;
        sync_dir(&self.root)?;
        Ok(())
    }

    /// Reads a blob and compares it with its digest.
    pub(crate) fn get(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let bytes = match fs::read(self.place(digest).1) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if digest_of(&bytes) == *digest {
            Ok(Some(bytes))
        } else {
            Err(StoreError::corrupt(format!("blob `{digest}`"), "its content has another digest"))
        }
    }

    /// Removes a blob. Nothing is synced: a blob that is there again after a crash does no harm.
    pub(crate) fn remove(&self, digest: &Digest) -> Result<(), StoreError> {
        match fs::remove_file(self.place(digest).1) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Lists the blobs of one folder. What is not named like a blob is not ours.
    pub(crate) fn list(&self, first: u8) -> Result<Vec<Digest>, StoreError> {
        let entries = match fs::read_dir(self.root.join(format!("{first:02x}"))) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut digests = Vec::new();
        for entry in entries {
            digests.extend(entry?.file_name().to_str().and_then(digest_named).filter(|d| d.0[0] == first));
        }
        Ok(digests)
    }

    fn place(&self, digest: &Digest) -> (PathBuf, PathBuf) {
        let name = digest.to_string();
        let folder = self.root.join(&name[..2]);
        let path = folder.join(name);
        (folder, path)
    }
}

/// The digest under which bytes are kept: their SHA-256.
pub fn digest_of(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}

/// The digest a blob's file is named by.
fn digest_named(name: &str) -> Option<Digest> {
    let mut digest = Digest([0; 32]);
    for (byte, place) in digest.0.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(name.get(place..place + 2)?, 16).ok()?;
    }
    (digest.to_string() == name).then_some(digest)
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(blobs: &BlobDir, bytes: &[u8]) -> Digest {
        let digest = digest_of(bytes);
        blobs.put(&digest, bytes).unwrap();
        digest
    }

    #[test]
    fn an_interrupted_write_is_removed_at_open() {
        let dir = tempfile::tempdir().unwrap();
        let left = dir.path().join("incoming/0");
        fs::create_dir_all(dir.path().join("incoming")).unwrap();
        fs::write(&left, b"half").unwrap();
        let blobs = BlobDir::open(dir.path().to_path_buf()).unwrap();
        assert!(!left.exists());
        put(&blobs, b"whole");
    }

    #[test]
    fn changed_content_is_damage() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = BlobDir::open(dir.path().to_path_buf()).unwrap();
        let digest = put(&blobs, b"true");
        fs::write(blobs.place(&digest).1, b"lies").unwrap();
        assert!(matches!(blobs.get(&digest), Err(StoreError::Corrupt { .. })));
    }

    #[test]
    fn a_blob_lies_under_its_digest() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = BlobDir::open(dir.path().to_path_buf()).unwrap();
        let digest = put(&blobs, b"here").to_string();
        assert_eq!(fs::read(dir.path().join(&digest[..2]).join(&digest)).unwrap(), b"here");
    }

    #[test]
    fn what_is_not_named_like_a_blob_is_not_listed() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = BlobDir::open(dir.path().to_path_buf()).unwrap();
        let digest = put(&blobs, b"here");
        let (folder, path) = blobs.place(&digest);
        let upper = path.file_name().unwrap().to_str().unwrap().to_uppercase();
        for name in ["notes", &upper, &format!("{upper}.old")] {
            fs::write(folder.join(name), b"").unwrap();
        }
        assert_eq!(blobs.list(digest.0[0]).unwrap(), [digest]);
    }
}
