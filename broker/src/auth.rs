//! Who may use the broker: whoever shows its token.

use std::{
    fmt, fs,
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use thiserror::Error;

/// The file of the data directory that holds the token.
pub const TOKEN_FILE: &str = "token";
/// Random bytes in a token.
const TOKEN_BYTES: usize = 32;
/// A token somebody put into the file himself has at least this many characters.
const TOKEN_CHARS_MIN: usize = 32;
/// Only the broker's user may read it.
const TOKEN_FILE_MODE: u32 = 0o600;

/// Why there is no token.
#[derive(Debug, Error)]
pub enum AuthError {
    /// The file cannot be read or written.
    #[error("`{}` cannot be used: {source}; check the data directory and its owner", path.display())]
    File {
        /// The token's file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The operating system gave no random bytes.
    #[error("no random bytes for a token: {0}")]
    Random(getrandom::Error),
    /// The file holds something that is too easily guessed.
    #[error(
        "`{}` holds no token of at least {TOKEN_CHARS_MIN} visible characters; delete it to have one made",
        path.display()
    )]
    Weak {
        /// The token's file.
        path: PathBuf,
    },
}

/// Text that must not be seen in logs: it prints as a placeholder.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for the few places that hand it to its owner.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The token of this broker.
#[derive(Debug, Clone)]
pub struct Token {
    secret: Secret,
    digest: [u8; 32],
}

impl Token {
    /// Reads the token from the data directory; makes one at the first start.
    pub fn load_or_create(dir: &Path) -> Result<Self, AuthError> {
        let path = dir.join(TOKEN_FILE);
        match read(&path) {
            Ok(text) if is_strong(&text) => Ok(Self::new(text)),
            Ok(_) => Err(AuthError::Weak { path }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let text = random_token().map_err(AuthError::Random)?;
                write(&path, &text).map_err(|source| AuthError::File { path, source })?;
                Ok(Self::new(text))
            }
            Err(source) => Err(AuthError::File { path, source }),
        }
    }

    fn new(text: String) -> Self {
        let digest = Sha256::digest(&text).into();
        Self { secret: Secret(text), digest }
    }

    /// Whether this is the token. Takes as long for a wrong one as for the right one.
    pub fn matches(&self, shown: &str) -> bool {
        let shown: [u8; 32] = Sha256::digest(shown).into();
        self.digest.ct_eq(&shown).into()
    }

    /// The token, to be shown to whoever started the broker.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }
}

fn is_strong(text: &str) -> bool {
    text.len() >= TOKEN_CHARS_MIN && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn random_token() -> Result<String, getrandom::Error> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes))
}

/// Reads the file, and takes away whatever rights others have on it.
fn read(path: &Path) -> io::Result<String> {
    let text = fs::read_to_string(path)?;
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "others could read the token; its file is private now");
        fs::set_permissions(path, fs::Permissions::from_mode(TOKEN_FILE_MODE))?;
    }
    Ok(text.trim_end().to_owned())
}

/// Writes under another name first, so that the token's name never stands for half a token.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(TOKEN_FILE_MODE).open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(unfinished, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_once_and_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let made = Token::load_or_create(dir.path()).unwrap();
        let mode = fs::metadata(dir.path().join(TOKEN_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, TOKEN_FILE_MODE);
        let again = Token::load_or_create(dir.path()).unwrap();
        assert!(again.matches(made.secret().expose()));
    }

    #[test]
    fn only_the_token_matches() {
        let dir = tempfile::tempdir().unwrap();
        let token = Token::load_or_create(dir.path()).unwrap();
        let secret = token.secret().expose();
        for wrong in ["", "x", &secret[1..], &format!("{secret} ")] {
            assert!(!token.matches(wrong), "{wrong}");
        }
        assert!(token.matches(secret));
    }

    #[test]
    fn rights_of_others_are_taken_away() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(TOKEN_FILE);
        fs::write(&path, format!("{}\n", "a".repeat(TOKEN_CHARS_MIN))).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Token::load_or_create(dir.path()).unwrap().matches(&"a".repeat(TOKEN_CHARS_MIN)));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, TOKEN_FILE_MODE);
    }

    #[test]
    fn an_empty_token_opens_nothing() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(TOKEN_FILE), "").unwrap();
        assert!(matches!(Token::load_or_create(dir.path()), Err(AuthError::Weak { .. })));
    }

    #[test]
    fn a_secret_does_not_print() {
        assert_eq!(format!("{:?}", Secret("hunter2".into())), "Secret");
    }
}
