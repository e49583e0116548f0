//! Which layer wins, and what is refused.

use std::path::Path;

use super::*;

fn flags(given: &[(Key, &str)]) -> Layer {
    Layer::from_flags(given.iter().map(|(key, text)| (*key, Some((*text).to_owned()))))
}

fn environment(given: &[(&str, &str)]) -> Layer {
    Layer::from_env(|name| given.iter().find(|(key, _)| *key == name).map(|(_, text)| (*text).to_owned()))
}

fn file(text: &str) -> Result<Layer, ConfigError> {
    Layer::from_toml(Path::new("windlass.toml"), text)
}

fn refusal(key: Key, text: &str) -> String {
    Settings::resolve(&[flags(&[(key, text)])]).unwrap_err().to_string()
}

#[test]
fn nothing_given_means_the_defaults() {
    assert_eq!(Settings::resolve(&[]).unwrap(), Settings::default());
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let layers = [
        flags(&[(Key::Workers, "1")]),
        environment(&[("WINDLASS_WORKERS", "2"), ("WINDLASS_STORE", "memory")]),
        file("workers = 3\nstore = \"sled\"\ndrain = \"3s\"").unwrap(),
    ];
    let settings = Settings::resolve(&layers).unwrap();
    assert_eq!(settings.workers, 1);
    assert_eq!(settings.store, StoreKind::Memory);
    assert_eq!(settings.drain, Duration::from_secs(3));
    assert_eq!(settings.bind, Settings::default().bind);
}

#[test]
fn the_file_can_say_everything() {
    let text = r#"
        allowed_hosts = ["jobs.example.org", "::1"]
        allowed_origins = ["https://Jobs.example.org"]
        bind = "[::1]:0"
        data = "/srv/windlass"
        drain = 1.5
        log = "warn,windlass=debug"
        log_format = "json"
        retention = "never"
        retention_jobs_max = 5
        store = "memory"
        workers = 4
    "#;
    let expected = Settings {
        allowed_hosts: vec!["jobs.example.org".to_owned(), "::1".to_owned()],
        allowed_origins: vec!["https://jobs.example.org".to_owned()],
        bind: "[::1]:0".parse().unwrap(),
        data: PathBuf::from("/srv/windlass"),
        demo: false,
        drain: Duration::from_millis(1500),
        log: "warn,windlass=debug".to_owned(),
        log_format: LogFormat::Json,
        retention: Timeout::Never,
        retention_jobs_max: 5,
        store: StoreKind::Memory,
        workers: 4,
    };
    assert_eq!(Settings::resolve(&[file(text).unwrap()]).unwrap(), expected);
}

#[test]
fn an_unknown_key_names_the_nearest() {
    let error = file("wrokers = 1").unwrap_err().to_string();
    assert_eq!(error, "`wrokers` in `windlass.toml` is not a setting; did you mean `workers`?");
    assert!(file("zzz = 1").unwrap_err().to_string().contains("settings are allowed_hosts, "));
}

#[test]
fn a_wrong_value_names_its_place_and_its_bound() {
    assert_eq!(
        refusal(Key::Workers, "5000"),
        "`--workers` is `5000`, expected a whole number from 0 (one for each core) to 1024"
    );
    assert_eq!(
        refusal(Key::RetentionJobsMax, "-1"),
        "`--retention-jobs-max` is `-1`, expected a whole number up to 1000000000"
    );
    assert!(refusal(Key::Retention, "soon").ends_with("expected a span like `7d`, or `never`"));
    let error = Settings::resolve(&[environment(&[("WINDLASS_DRAIN", "2h")])]).unwrap_err().to_string();
    assert_eq!(error, "`WINDLASS_DRAIN` is `2h`, expected a span like `25s`, at most 1h");
    let error = Settings::resolve(&[file("store = \"redis\"").unwrap()]).unwrap_err().to_string();
    assert_eq!(error, "`store` in `windlass.toml` is `redis`, expected `sled` (on disk) or `memory`");
}

#[test]
fn an_address_the_network_can_reach_is_refused() {
    for address in ["0.0.0.0:7878", "[::]:7878", "192.0.2.1:80"] {
        assert!(refusal(Key::Bind, address).contains("TLS, which is not supported yet"), "{address}");
    }
    assert!(refusal(Key::Bind, "localhost").contains("an address and a port"));
}

#[test]
fn hosts_and_origins_have_no_paths() {
    for host in ["https://a", "a:1", "[::1]"] {
        assert!(refusal(Key::AllowedHosts, host).contains("without scheme, port and path"), "{host}");
    }
    assert!(refusal(Key::AllowedOrigins, "https://a/b").contains("without a path"));
    assert!(refusal(Key::AllowedOrigins, "a").contains("origins like"));
    assert!(refusal(Key::AllowedHosts, &"a,".repeat(65)).contains("at most 64"));
}

#[test]
fn a_file_that_is_not_toml_says_where() {
    let error = file("workers = ").unwrap_err().to_string();
    assert!(error.contains("windlass.toml") && error.contains("line 1"), "{error}");
    let error = file("[workers]").unwrap_err().to_string();
    assert!(error.contains("`workers` is neither"), "{error}");
}
