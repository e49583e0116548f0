//! Compiled versions on disk. They are native code that nobody checks when it is loaded, so a file counts only
//! with a proof that this broker wrote exactly these bytes for exactly this component and engine.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use windlass_core::job::Digest;

/// Bytes of the key that proofs are made with.
const KEY_BYTES: usize = 32;
/// The bits of a file's mode that let others than its owner in.
const MODE_OF_OTHERS: u32 = 0o077;
/// How much of a file is read at once to digest it.
const READ_BYTES: usize = 64 << 10;
/// How the names of files begin that are still being written.
const INCOMING: &str = "incoming-";

/// The directory `artefacts` and the file `artefact.key` in the data directory.
#[derive(Debug)]
pub(crate) struct ArtefactDir {
    path: PathBuf,
    key: [u8; KEY_BYTES],
    incoming: AtomicU64,
}

/// What lies where an artefact should be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Something without a valid proof.
    Foreign,
    /// Nothing.
    Missing,
    /// An artefact this broker wrote, unchanged.
    Ours(PathBuf),
}

/// A file that is being written, for its owner alone; removed when dropped.
#[derive(Debug)]
pub(crate) struct Incoming {
    path: PathBuf,
}

impl ArtefactDir {
    /// Opens or creates directory and key, and removes what an interrupted write left.
    pub(crate) fn open(data: &Path) -> io::Result<Self> {
        let path = data.join("artefacts");
        DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700))?;
        for entry in fs::read_dir(&path)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(INCOMING) {
                fs::remove_file(entry.path())?;
            }
        }
        let key = load_or_create_key(data)?;
        Ok(Self { path, key, incoming: AtomicU64::new(0) })
    }

    /// Looks for the artefact of a component for an engine. Reads the whole file.
    pub(crate) fn find(&self, component: &Digest, engine: &str) -> io::Result<Found> {
        let path = self.place(component, engine, "cwasm");
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Missing),
            Err(error) => return Err(error),
        };
        let Ok(proof) = fs::read(self.place(component, engine, "proof")) else { return Ok(Found::Foreign) };
        let proven = self.prover(component, engine, file)?.verify_slice(&proof).is_ok();
        Ok(if proven { Found::Ours(path) } else { Found::Foreign })
    }

    /// Begins a new file.
    pub(crate) fn incoming(&self) -> io::Result<(Incoming, File)> {
        let number = self.incoming.fetch_add(1, Ordering::Relaxed);
        let path = self.path.join(format!("{INCOMING}{number}"));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok((Incoming { path }, file))
    }

    /// Makes a complete file the artefact of a component, in place of those for other engines.
    ///
    /// A file is never changed once it has its name: running programs are mapped from it. A crash between the
    /// two renames leaves a file without its proof, which is compiled again.
    pub(crate) fn install(&self, written: &Incoming, component: &Digest, engine: &str) -> io::Result<()> {
        File::open(&written.path)?.sync_all()?;
        let proof = self.prover(component, engine, File::open(&written.path)?)?.finalize().into_bytes();
        let (proof_written, mut file) = self.incoming()?;
        file.write_all(&proof)?;
        file.sync_all()?;
        fs::rename(&written.path, self.place(component, engine, "cwasm"))?;
        fs::rename(&proof_written.path, self.place(component, engine, "proof"))?;
        self.remove_for_other_engines(component, engine)?;
        sync_dir(&self.path)
    }

    fn remove_for_other_engines(&self, component: &Digest, engine: &str) -> io::Result<()> {
        let (all, current) = (format!("{component}-"), format!("{component}-{engine}."));
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(&all) && !name.starts_with(&current) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    fn place(&self, component: &Digest, engine: &str, extension: &str) -> PathBuf {
        self.path.join(format!("{component}-{engine}.{extension}"))
    }

    /// What binds the content of a file to a component and an engine. The first and the last part have a fixed
    /// length, so no two triples give the same text.
    fn prover(&self, component: &Digest, engine: &str, file: File) -> io::Result<Hmac<Sha256>> {
        let mut prover = keyed(&self.key)?;
        prover.update(&component.0);
        prover.update(engine.as_bytes());
        prover.update(&digest_of_file(file)?);
        Ok(prover)
    }
}

impl Incoming {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // After it got its name there is nothing to remove; after a failure the next start removes it.
        drop(fs::remove_file(&self.path));
    }
}

fn keyed(key: &[u8]) -> io::Result<Hmac<Sha256>> {
    Hmac::new_from_slice(key).map_err(io::Error::other)
}

fn digest_of_file(mut file: File) -> io::Result<[u8; 32]> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(digest.finalize().into()),
            read => digest.update(&buffer[..read]),
        }
    }
}

fn load_or_create_key(data: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let path = data.join("artefact.key");
    match read_key(&path) {
        Ok(Some(key)) => return Ok(key),
        Ok(None) => {
            tracing::warn!(path = %path.display(), "others could read this key, or it is damaged; a new one is made \
                 and all plugins are compiled again");
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    let written = data.join("artefact.key.new");
    drop(fs::remove_file(&written));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&written)?;
    file.write_all(&key)?;
    file.sync_all()?;
    fs::rename(&written, &path)?;
    sync_dir(data)?;
    Ok(key)
}

/// Reads the key; none if it cannot be trusted.
fn read_key(path: &Path) -> io::Result<Option<[u8; KEY_BYTES]>> {
    let private = fs::metadata(path)?.permissions().mode() & MODE_OF_OTHERS == 0;
    let key = fs::read(path)?;
    Ok(key.try_into().ok().filter(|_| private))
}

fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests;
