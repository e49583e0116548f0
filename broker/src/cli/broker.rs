//! Which broker a command talks to, and with which token.

use std::{fs, path::Path};

use clap::Args;
use windlass_client::{Client, ClientError, HttpClient};

use super::failure::NoBroker;

/// The data directory a broker is looked for in when none is named.
pub(crate) const DATA_DEFAULT: &str = "./.windlass";
/// The file in a data directory that holds the token.
pub(crate) const TOKEN_FILE: &str = "token";
/// The file in a data directory that says where its broker listens, while it does.
pub(crate) const URL_FILE: &str = "url";

/// How a broker is named.
#[derive(Debug, Clone, Args)]
pub(crate) struct BrokerFlags {
    /// The broker, like `http://127.0.0.1:7878` [default: the one of ./.windlass]
    #[arg(long, global = true, env = "WINDLASS_URL", value_name = "URL")]
    url: Option<String>,
    /// The token [default: the one of ./.windlass, if that is the broker]
    #[arg(long, global = true, env = "WINDLASS_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    token: Option<String>,
}

/// A broker that was named or found.
pub(crate) struct Broker {
    pub(crate) url: String,
    token: Option<String>,
}

impl BrokerFlags {
    pub(crate) fn find(&self) -> Result<Broker, NoBroker> {
        self.find_in(Path::new(DATA_DEFAULT))
    }

    fn find_in(&self, data: &Path) -> Result<Broker, NoBroker> {
        let found = read_line(&data.join(URL_FILE));
        let url = self.url.clone().or_else(|| found.clone());
        let url = url.ok_or_else(|| NoBroker(data.join(URL_FILE).display().to_string()))?;
        // The token found here opens the broker found here; no other one may ever see it.
        let is_found_one =
            found.is_some_and(|found| found.trim_end_matches('/') == url.trim_end_matches('/'));
        let token = self.token.clone();
        let token = token.or_else(|| is_found_one.then(|| read_line(&data.join(TOKEN_FILE))).flatten());
        Ok(Broker { url, token })
    }
}

impl Broker {
    pub(crate) async fn connect(&self) -> Result<Client, ClientError> {
        Client::connect(&self.url, self.token.as_deref()).await
    }

    pub(crate) fn http(&self) -> Result<HttpClient, ClientError> {
        HttpClient::new(&self.url, self.token.as_deref())
    }
}

/// The trimmed content of a small file, if there is any.
pub(crate) fn read_line(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data() -> tempfile::TempDir {
        let data = tempfile::tempdir().unwrap();
        fs::write(data.path().join(URL_FILE), "http://127.0.0.1:7\n").unwrap();
        fs::write(data.path().join(TOKEN_FILE), "found\n").unwrap();
        data
    }

    fn find(data: &Path, url: Option<&str>, token: Option<&str>) -> Result<Broker, NoBroker> {
        BrokerFlags { url: url.map(ToOwned::to_owned), token: token.map(ToOwned::to_owned) }.find_in(data)
    }

    #[test]
    fn a_broker_that_runs_here_is_found() {
        let data = data();
        let broker = find(data.path(), None, None).unwrap();
        assert_eq!((broker.url.as_str(), broker.token.as_deref()), ("http://127.0.0.1:7", Some("found")));
        assert!(find(Path::new("/does/not/exist"), None, None).is_err());
    }

    #[test]
    fn a_named_broker_never_gets_the_token_of_another() {
        let data = data();
        assert_eq!(find(data.path(), Some("http://other:7"), None).unwrap().token, None);
        assert_eq!(
            find(data.path(), Some("http://127.0.0.1:7/"), None).unwrap().token.as_deref(),
            Some("found")
        );
        assert_eq!(
            find(data.path(), Some("http://other:7"), Some("own")).unwrap().token.as_deref(),
            Some("own")
        );
    }
}
