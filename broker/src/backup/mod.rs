//! Backups: everything a broker remembers in one file, taken while it runs; made a data directory again; and looked
//! over, as is a data directory.
//!
//! Reading order: `file` (what the file is) -> `write` (from a store) -> `restore` (to a data directory) -> `verify`.

mod error;
mod file;
mod restore;
mod verify;
mod write;

pub(crate) use self::{
    error::BackupError,
    file::{About, Counts},
    restore::{Restored, restore},
    verify::{check_file, verify_directory, verify_file},
    write::write,
};

#[cfg(test)]
mod tests;
