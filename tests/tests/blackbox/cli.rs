//! The command line: what it prints, and the exit code it ends with.

use std::process::Output;

use image::GenericImageView;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use windlass_tests::{
    broker::{Broker, command},
    fixtures, within,
};

/// Runs `windlass` against the broker.
async fn windlass(broker: &Broker, args: &[&str]) -> Output {
    let mut command = command();
    command.args(args).env("WINDLASS_URL", broker.url()).env("WINDLASS_TOKEN", broker.token());
    within("a command to end", command.current_dir(broker.scratch()).output()).await.unwrap()
}

/// Runs `windlass`, which must end with this code, and answers its stdout.
pub(crate) async fn ends(broker: &Broker, code: i32, args: &[&str]) -> String {
    let output = windlass(broker, args).await;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{args:?}\nstdout: {out}\nstderr: {err}");
    assert!(code == 0 || !err.trim().is_empty(), "{args:?} fails without a word");
    out.trim_end().to_owned()
}

#[tokio::test]
async fn run_prints_the_value() {
    let broker = Broker::with_demo().await;
    assert_eq!(ends(&broker, 0, &["run", "add", "x=10", "y=20"]).await, "30");
    assert_eq!(ends(&broker, 0, &["run", "demo/add", "--args", "[1, 2]"]).await, "3");
}

#[tokio::test]
async fn every_kind_of_failure_has_its_exit_code() {
    let broker = Broker::with_demo().await;
    ends(&broker, 1, &["run", "fail", "message=sorry"]).await;
    ends(&broker, 2, &["run", "add", "x=ten", "y=20"]).await;
    ends(&broker, 2, &["run", "--no-such-flag"]).await;
    ends(&broker, 3, &["run", "nobody/add"]).await;
    ends(&broker, 3, &["job", "get", "00000000000000000000000000000000"]).await;
    ends(&broker, 4, &["run", "spin", "--timeout", "200ms"]).await;
    ends(&broker, 5, &["--token", "wrong", "job", "ls"]).await;
    ends(&broker, 6, &["--url", "http://127.0.0.1:9", "job", "ls"]).await;
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_an_error_that_says_what_to_do() {
    let broker = Broker::start().await;
    let output = windlass(&broker, &["--url", "http://127.0.0.1:9", "run", "add"]).await;
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("windlass dev"), "{words}");
}

#[tokio::test]
async fn a_job_is_submitted_waited_for_and_looked_at() {
    let broker = Broker::with_demo().await;
    let job = ends(&broker, 0, &["-o", "id", "submit", "demo/say", "line=hello", "times=1"]).await;
    ends(&broker, 0, &["wait", &job]).await;
    let view: Value =
        serde_json::from_str(&ends(&broker, 0, &["-o", "json", "job", "get", &job]).await).unwrap();
    assert_eq!(view, broker.job(&job).await);
    assert!(ends(&broker, 0, &["job", "ls"]).await.contains(&job));
    assert!(ends(&broker, 0, &["job", "logs", &job]).await.starts_with("hello"));
    let failed = ends(&broker, 0, &["-o", "id", "submit", "demo/fail", "message=sorry"]).await;
    ends(&broker, 1, &["wait", &failed]).await;
    let again = ends(&broker, 0, &["-o", "id", "job", "retry", &failed]).await;
    ends(&broker, 1, &["wait", &again]).await;
    assert!(
        ends(&broker, 0, &["job", "get", &again]).await.contains(&failed),
        "it names what it tries again"
    );
    let endless = ends(&broker, 0, &["-o", "id", "submit", "demo/spin"]).await;
    ends(&broker, 4, &["wait", &endless, "--timeout", "100ms"]).await;
    ends(&broker, 0, &["job", "cancel", &endless]).await;
    assert_eq!(broker.job(&endless).await["state"], "cancelled");
}

#[tokio::test]
async fn workers_are_listed_and_versions_of_plugins_chosen() {
    let broker = Broker::with_demo().await;
    assert_eq!(ends(&broker, 0, &["-o", "id", "worker", "ls"]).await, "local");
    let thumbnail = fixtures::plugin("thumbnail");
    let first = broker.get("/v1/plugins/demo").await.json()["active"].as_str().unwrap().to_owned();
    ends(&broker, 0, &["plugin", "push", "demo", thumbnail.to_str().unwrap()]).await;
    assert_eq!(ends(&broker, 0, &["-o", "id", "plugin", "rollback", "demo"]).await, first);
    let output = windlass(&broker, &["plugin", "rollback", "demo"]).await;
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("windlass plugin activate demo"), "it says what to try next: {words}");
    ends(&broker, 3, &["plugin", "activate", "demo", "00000000"]).await;
    assert_eq!(ends(&broker, 0, &["-o", "id", "plugin", "activate", "demo", &first[..12]]).await, first);
}

#[tokio::test]
async fn jobs_are_found_counted_cancelled_and_forgotten() {
    let broker = Broker::with_demo().await;
    let opts = |who: &str| json!({ "queue": "mail", "delay": "1h", "tags": { "who": who } });
    let ada = broker.submit("demo/add", json!([1, 2]), opts("ada")).await;
    let bob = broker.submit("demo/greet", json!({ "name": "Bob" }), opts("bob")).await;
    let ids = ["-o", "id", "job"];
    for (args, expected) in [
        (&["ls", "--state", "scheduled,ready", "--queue", "mail"][..], format!("{bob}\n{ada}")),
        (&["ls", "--tag", "who:ada", "--since", "1h"], ada.clone()),
        (&["ls", "--text", "greet"], bob.clone()),
        (&["ls", "--until", "1h"], String::new()),
        (
            &["query", r#"{"tags.who":{"$in":["ada","bob"]}}"#, "--sort", "submitted_at"],
            format!("{ada}\n{bob}"),
        ),
        (&["query", "{}", "--limit", "1"], bob.clone()),
    ] {
        assert_eq!(ends(&broker, 0, &[&ids, args].concat()).await, expected, "{args:?}");
    }
    let fields = ["-o", "ndjson", "job", "query", r#"{"handler":"demo/add"}"#, "--fields", "queue,tags.who"];
    let found: Value = serde_json::from_str(&ends(&broker, 0, &fields).await).unwrap();
    assert_eq!(found, json!({ "id": ada, "queue": "mail", "tags": { "who": "ada" } }));
    ends(&broker, 2, &["job", "query", r#"{"staet":"failed"}"#]).await;
    ends(&broker, 2, &["job", "query", "failed"]).await;

    let bulk = ["-o", "json", "job", "bulk", "cancel", r#"{"queue":"mail"}"#];
    let counted: Value =
        serde_json::from_str(&ends(&broker, 0, &[&bulk[..], &["--dry-run"]].concat()).await).unwrap();
    assert_eq!((&counted["matched"], &counted["changed"]), (&json!(2), &json!(0)));
    ends(&broker, 1, &["job", "purge", &ada]).await;
    ends(&broker, 0, &bulk).await;
    assert_eq!(broker.job(&bob).await["state"], "cancelled");
    assert!(ends(&broker, 0, &["job", "history", &ada]).await.contains("cancelled"));
    ends(&broker, 0, &["job", "purge", &ada]).await;
    ends(&broker, 3, &["job", "get", &ada]).await;
    let purge = ["job", "bulk", "purge", r#"{"queue":"mail"}"#];
    ends(&broker, 0, &purge).await;
    ends(&broker, 3, &["job", "get", &bob]).await;
}

#[tokio::test]
async fn a_plugin_is_pushed_and_a_picture_goes_through_it() {
    let broker = Broker::start().await;
    let (component, photograph) = (fixtures::plugin("thumbnail"), fixtures::photograph());
    ends(&broker, 0, &["plugin", "push", "thumbnail", component.to_str().unwrap()]).await;
    assert!(ends(&broker, 0, &["plugin", "ls"]).await.contains("thumbnail"));
    assert!(ends(&broker, 0, &["plugin", "show", "thumbnail"]).await.contains("width: u32"));
    let image = format!("image=@{}", photograph.display());
    let args = ["run", "thumbnail", &image, "width=64", "height=64", "fit=cover", "--out", "small.jpg"];
    ends(&broker, 0, &args).await;
    assert_eq!(image::open(broker.scratch().join("small.jpg")).unwrap().dimensions(), (64, 64));
}

#[tokio::test]
async fn the_token_is_printed_for_who_may_read_it() {
    let broker = Broker::start().await;
    let data = broker.data();
    assert_eq!(ends(&broker, 0, &["token", "--data", data.to_str().unwrap()]).await, broker.token());
}

#[tokio::test]
async fn the_doctor_looks_at_everything_and_says_so() {
    let broker = Broker::start().await;
    let report = ends(&broker, 0, &["doctor", "--data", broker.scratch().to_str().unwrap()]).await;
    for part in ["fdatasync", " free", "open files", "max_map_count", "wait to be folded"] {
        assert!(report.contains(part), "`{part}` is looked at:\n{report}");
    }
}

#[tokio::test]
async fn an_unknown_key_of_the_configuration_names_the_nearest() {
    let broker = Broker::start().await;
    let config = broker.scratch().join("windlass.toml");
    std::fs::write(&config, "bnd = \"127.0.0.1:0\"\n").unwrap();
    let output = windlass(&broker, &["serve", "--config", config.to_str().unwrap()]).await;
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{words}");
    assert!(words.contains("bnd") && words.contains("bind"), "{words}");
}

#[tokio::test]
async fn a_bind_beyond_this_machine_is_refused() {
    let broker = Broker::start().await;
    let output = windlass(&broker, &["serve", "--bind", "0.0.0.0:0", "--data", "elsewhere"]).await;
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn dev_runs_a_first_job_without_any_toolchain() {
    let home = tempfile::tempdir().unwrap();
    let mut dev = command();
    dev.args(["dev", "--bind", "127.0.0.1:0"]).current_dir(home.path()).stdout(std::process::Stdio::piped());
    let mut broker = dev.stderr(std::process::Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(broker.stdout.take().unwrap()).lines();
    let first = within("the broker to listen", lines.next_line()).await.unwrap().unwrap();
    assert!(first.starts_with("windlass listening on http://127.0.0.1:"), "{first}");

    // A client in the same directory finds broker and token by itself.
    let mut run = command();
    let run = run.args(["run", "add", "x=10", "y=20"]).current_dir(home.path());
    let output = within("the first call", run.output()).await.unwrap();
    assert_eq!(output.stdout, b"30\n", "{}", String::from_utf8_lossy(&output.stderr));
    let mut submit = command();
    let submit =
        submit.args(["-o", "json", "submit", "greet", "name=Ada", "--wait"]).current_dir(home.path());
    let output = within("the first job", submit.output()).await.unwrap();
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(value.as_str().is_some_and(|greeting| greeting.contains("Ada")), "{value}");
    broker.kill().await.unwrap();
}

#[tokio::test]
async fn a_handler_is_shown_with_its_types_and_schemas() {
    let broker = Broker::with_demo().await;
    let shown = ends(&broker, 0, &["plugin", "show", "demo/add"]).await;
    assert!(
        shown.contains("func(x: s32, y: s32) -> s32") && shown.contains("\"maximum\": 2147483647"),
        "{shown}"
    );
    let json: Value =
        serde_json::from_str(&ends(&broker, 0, &["-o", "json", "plugin", "show", "demo/add"]).await).unwrap();
    assert_eq!(json["args_schema"]["required"], serde_json::json!(["x", "y"]));
    ends(&broker, 3, &["plugin", "show", "demo/no-such"]).await;
}

#[tokio::test]
async fn top_prints_its_figures_once_where_there_is_no_terminal() {
    let broker = Broker::with_demo().await;
    let shown = ends(&broker, 0, &["top"]).await;
    assert!(shown.contains("slots 0/") && shown.contains("submitted"), "{shown}");
    let json: Value = serde_json::from_str(&ends(&broker, 0, &["-o", "json", "top"]).await).unwrap();
    assert!(json["totals"].is_object(), "{json}");
}

#[tokio::test]
async fn completions_name_the_commands() {
    let broker = Broker::start().await;
    for shell in ["bash", "zsh", "fish"] {
        assert!(ends(&broker, 0, &["completion", shell]).await.contains("plugin"), "{shell}");
    }
    ends(&broker, 2, &["completion", "tcsh"]).await;
}

#[tokio::test]
async fn queues_are_paused_limited_and_purged_and_held_jobs_released() {
    let broker = Broker::with_demo().await;
    assert!(ends(&broker, 0, &["queue", "pause", "mail"]).await.contains("yes"));
    ends(&broker, 0, &["queue", "limit", "mail", "--concurrency", "3", "--rate", "10/1m"]).await;
    let per_tag = ["queue", "limit", "mail", "--per-tag", "customer", "--tag-concurrency", "2"];
    assert!(ends(&broker, 0, &per_tag).await.contains("customer: 2"));
    ends(&broker, 2, &["queue", "limit", "mail", "--tag-concurrency", "2"]).await;
    ends(&broker, 0, &["queue", "limit", "mail", "--per-tag", "none"]).await;
    let submit = ["-o", "id", "submit", "add", "x=1", "y=2", "--queue", "mail"];
    let first = ends(&broker, 0, &submit).await;
    assert!(ends(&broker, 0, &["job", "get", &first]).await.contains("to be resumed"));
    let listed: Value =
        serde_json::from_str(&ends(&broker, 0, &["-o", "json", "queue", "ls"]).await).unwrap();
    assert_eq!((&listed[0]["ready"], &listed[0]["rate"]["count"]), (&Value::from(1), &Value::from(10)));
    ends(&broker, 0, &["queue", "purge", "mail"]).await;
    ends(&broker, 1, &["wait", &first]).await;
    ends(&broker, 0, &["queue", "resume", "mail"]).await;
    let held = ends(&broker, 0, &[&submit[..], &["--hold"]].concat()).await;
    let after = ends(&broker, 0, &[&submit[..], &["--after", &held, "--serial-key", "k"]].concat()).await;
    let child = ends(&broker, 0, &[&submit[..], &["--parent", &held, "--delay", "1h"]].concat()).await;
    assert_eq!(ends(&broker, 0, &["-o", "id", "job", "ls", "--parent", &held]).await, child);
    assert!(ends(&broker, 0, &["job", "get", &held]).await.contains("1 scheduled"));
    ends(&broker, 0, &["job", "release", &held]).await;
    assert_eq!(ends(&broker, 0, &["wait", &after]).await, "3");
    ends(&broker, 3, &["queue", "get", "nobody"]).await;
}

#[tokio::test]
async fn schedules_are_put_shown_paused_triggered_and_removed() {
    let broker = Broker::with_demo().await;
    let line =
        "schedule put nightly @daily demo/add x=1 y=2 --timezone Europe/Berlin --overlap skip --tag a=b";
    let put = ends(&broker, 0, &line.split(' ').collect::<Vec<_>>()).await;
    assert!(put.contains("At 00:00."), "{put}");
    assert_eq!(ends(&broker, 0, &["schedule", "ls", "-o", "id"]).await, "nightly");
    let paused = ends(&broker, 0, &["schedule", "pause", "nightly", "-o", "json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&paused).unwrap()["paused"], true);
    let resumed = ends(&broker, 0, &["schedule", "resume", "nightly", "-o", "json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&resumed).unwrap()["next"].as_array().unwrap().len(), 5);
    let job = ends(&broker, 0, &["schedule", "trigger", "nightly"]).await;
    assert_eq!(ends(&broker, 0, &["wait", &job]).await, "3");
    assert_eq!(ends(&broker, 0, &["job", "ls", "--schedule", "nightly", "-o", "id"]).await, job);
    assert!(ends(&broker, 0, &["job", "get", &job]).await.contains("nightly"));
    assert!(ends(&broker, 0, &["schedule", "show", "nightly"]).await.contains(&job));
    assert_eq!(ends(&broker, 0, &["schedule", "rm", "nightly"]).await, "nightly");
    ends(&broker, 3, &["schedule", "show", "nightly"]).await;
    ends(&broker, 2, &["schedule", "put", "wrong", "sometimes", "demo/add"]).await;
    ends(&broker, 2, &["schedule", "put", "wrong", "@daily", "demo/add", "--overlap", "none"]).await;
}
