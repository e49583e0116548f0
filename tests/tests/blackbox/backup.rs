//! A running broker is copied; the copy is a broker again, and it is known whether either is sound.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
    sync::oneshot,
};
use windlass_tests::{
    broker::{Broker, unpack},
    eventually, fixtures,
    http::Reply,
    within,
};

use crate::cli::ends;

/// A text that is kept beside the record of its job.
fn long() -> String {
    "Ahoy! ".repeat(3_000)
}

/// What is known of a job: its record, its arguments, its result and its log.
async fn all_of(broker: &Broker, job: &str) -> [Value; 3] {
    let text = |reply: Reply| reply.expect_status(200).text();
    let result = text(broker.get(&format!("/v1/jobs/{job}/result")).await);
    let logs = text(broker.get(&format!("/v1/jobs/{job}/logs")).await);
    [broker.job(job).await, result.into(), logs.into()]
}

/// Submits jobs of several kinds until it is told to stop; answers all ids it was given.
async fn submit_on_and_on(broker: &Broker, mut stop: oneshot::Receiver<()>) -> Vec<String> {
    let (mut socket, mut ids) = (broker.socket().await, Vec::new());
    while stop.try_recv().is_err() {
        let greet = json!({ "name": "Ada", "greeting": long() });
        ids.push(socket.submit("demo/greet", greet, json!({ "queue": "mail" })).await);
        ids.push(
            socket.submit("demo/add", json!([1, 2]), json!({ "delay": "1h", "tags": { "a": "b" } })).await,
        );
        let after = json!({ "after": { "jobs": [ids.last()] } });
        ids.push(socket.submit("demo/add", json!([3, 4]), after).await);
        ids.push(
            socket.submit("demo/say", json!({ "line": "hi", "times": 2 }), json!({ "priority": 3 })).await,
        );
        ids.push(socket.submit("demo/fail", json!({ "message": "no" }), json!({ "retention": "0s" })).await);
    }
    ids
}

/// A metric that is a whole number.
async fn count(broker: &Broker, name: &str) -> String {
    broker.metric(name).await.to_string()
}

/// Restores a backup and starts a broker on it.
async fn restored(from: &Broker, file: &str) -> Broker {
    let home = tempfile::tempdir().unwrap();
    ends(from, 0, &["restore", file, "--data", home.path().join("data").to_str().unwrap()]).await;
    Broker::start_at(home, &[], Vec::new()).await
}

/// What `windlass verify` says.
async fn verify(broker: &Broker, code: i32, args: &[&str]) -> Value {
    let report = ends(broker, code, &[&["-o", "json", "verify"], args].concat()).await;
    serde_json::from_str(&report).unwrap()
}

async fn found_sound(broker: &Broker, args: &[&str]) -> Value {
    let report = verify(broker, 0, args).await;
    assert_eq!((&report["problem_count"], &report["done"]), (&json!(0), &json!(true)), "{report}");
    report
}

#[tokio::test]
async fn a_backup_of_a_busy_broker_becomes_a_broker_that_has_everything_and_new_ids() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    let mut ended = Vec::new();
    for (handler, args) in [
        ("demo/greet", json!({ "name": "Bob", "greeting": long() })),
        ("demo/say", json!({ "line": "kept", "times": 3 })),
        ("demo/add", json!([10, 20])),
    ] {
        let job = socket.submit(handler, args, json!({})).await;
        within("a job to end", socket.ask(json!({ "op": "job.wait", "job": job }))).await;
        ended.push((all_of(&broker, &job).await, job));
    }
    let args = json!({ "name": "Eve", "greeting": long() });
    let put = json!({ "op": "schedule.put", "name": "nightly", "cron": "@daily", "handler": "demo/greet", "args": args });
    socket.value(put).await;
    let waiting = socket.submit("demo/add", json!([1, 2]), json!({ "hold": true })).await;

    let (stop, stopped) = oneshot::channel();
    let file = broker.scratch().join("backup");
    let file = file.to_str().unwrap();
    let (handed_out, ()) = tokio::join!(submit_on_and_on(&broker, stopped), async {
        eventually("jobs to be submitted", async || {
            (broker.metric("windlass_jobs_submitted_total").await > 50.0).then_some(())
        })
        .await;
        found_sound(&broker, &[]).await;
        ends(&broker, 0, &["backup", file]).await;
        stop.send(()).unwrap();
    });
    assert_eq!(count(&broker, "windlass_backups_made_total").await, "1");
    let bytes = fs::metadata(file).unwrap().len().to_string();
    assert_eq!(count(&broker, "windlass_backup_last_bytes").await, bytes);

    found_sound(&broker, &[file]).await;
    let other = restored(&broker, file).await;
    let mut socket = other.socket().await;
    assert_eq!(socket.value(json!({ "op": "add", "x": 1, "y": 2 })).await, 3, "plugins are there");
    for (before, job) in ended {
        assert_eq!(all_of(&other, &job).await, before);
    }
    assert_eq!(
        other.get("/v1/schedules/nightly").await.expect_status(200).json()["args"]["greeting"],
        long()
    );
    socket.value(json!({ "op": "job.release", "job": waiting })).await;
    assert_eq!(socket.value(json!({ "op": "job.wait", "job": waiting })).await, 3);
    assert_ne!(other.token(), broker.token(), "a token is no part of a backup");

    let old: BTreeSet<_> = handed_out.iter().collect();
    for _ in 0..20 {
        let id = socket.submit("demo/add", json!([1, 2]), json!({})).await;
        assert!(
            !old.contains(&id) && id > *handed_out.iter().filter(|old| old[..8] == id[..8]).max().unwrap()
        );
    }
    found_sound(&other, &[]).await;
    let second = other.scratch().join("second");
    ends(&other, 0, &["backup", second.to_str().unwrap()]).await;
    found_sound(&other, &[second.to_str().unwrap()]).await;
}

#[tokio::test]
async fn jobs_that_had_not_ended_run_again_and_those_after_the_backup_are_not_there() {
    let broker = Broker::with_demo_and(&["--workers", "1"]).await;
    let running = broker.submit("demo/sleep", json!({ "millis": 1_500 }), json!({})).await;
    eventually("the job to run", async || (broker.job(&running).await["state"] == "running").then_some(()))
        .await;
    let file = broker.scratch().join("backup");
    ends(&broker, 0, &["backup", file.to_str().unwrap()]).await;
    let later = broker.submit("demo/add", json!([1, 2]), json!({})).await;
    let other = restored(&broker, file.to_str().unwrap()).await;
    other.get(&format!("/v1/jobs/{running}/result?wait=60s")).await.expect_status(200);
    let view = other.job(&running).await;
    assert_eq!(view["attempts"][0]["error"]["code"], "worker_lost", "{view}");
    other.get(&format!("/v1/jobs/{later}")).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn a_client_that_stops_reading_holds_nothing_up_and_is_let_go() {
    let broker = Broker::with_demo().await;
    let mut socket = broker.socket().await;
    // More than the buffers of a socket take.
    let job = json!({ "handler": "demo/greet", "args": { "name": "Ada", "greeting": "x".repeat(3_500) },
                      "opts": { "hold": true } });
    for _ in 0..12 {
        socket.value(json!({ "op": "job.submit_many", "jobs": vec![&job; 500] })).await;
    }
    let reader = TcpSocket::new_v4().unwrap();
    reader.set_recv_buffer_size(4_096).unwrap();
    let mut reader = reader.connect(broker.address()).await.unwrap();
    let head = format!(
        "POST /v1/backup HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Length: 0\r\n\r\n",
        broker.address(),
        broker.token()
    );
    reader.write_all(head.as_bytes()).await.unwrap();
    let mut first = [0; 12];
    reader.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    let problem = broker.request("POST", "/v1/backup").send().await.expect_problem(409, "conflict");
    assert!(problem["detail"].as_str().unwrap().contains("under way"), "{problem}");

    eventually("the journal to be kept", async || {
        socket.submit("demo/add", json!([1, 2]), json!({})).await;
        (broker.metric("windlass_journal_segments").await >= 4.0).then_some(())
    })
    .await;
    eventually("the reader to be given up", async || {
        (count(&broker, "windlass_backups_failed_total").await == "1").then_some(())
    })
    .await;
    eventually("the journal to shrink", async || {
        (broker.metric("windlass_journal_segments").await <= 2.0).then_some(())
    })
    .await;
    drop(reader);
    ends(&broker, 0, &["backup", broker.scratch().join("whole").to_str().unwrap()]).await;
}

#[tokio::test]
async fn backups_are_written_whole_or_not_at_all() {
    let mut broker = Broker::with_demo().await;
    let path = |name: &str| broker.scratch().join(name).to_str().unwrap().to_owned();
    let (file, data) = (path("backup"), path("data"));
    ends(&broker, 0, &["backup", &file]).await;
    ends(&broker, 2, &["backup", &file]).await;
    ends(&broker, 0, &["backup", &file, "--force"]).await;
    ends(&broker, 6, &["--url", "http://127.0.0.1:9", "backup", &path("none")]).await;
    ends(&broker, 5, &["--token", "wrong", "backup", &path("none")]).await;
    assert!(!Path::new(&path("none")).exists() && !Path::new(&path("none.part")).exists());
    ends(&broker, 1, &["restore", &file, "--data", &data]).await;

    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(path("damaged"), &bytes).unwrap();
    fs::write(path("cut"), &bytes[..middle]).unwrap();
    for name in ["damaged", "cut"] {
        ends(&broker, 1, &["verify", &path(name)]).await;
        ends(&broker, 1, &["restore", &path(name), "--data", &path("new")]).await;
        assert!(!Path::new(&path("new")).exists());
    }
    ends(&broker, 1, &["verify", "--data", &data]).await;
    broker.terminate().await;
    let report = found_sound(&broker, &["--data", &data]).await;
    assert_eq!(report["records"]["plugins"], 1, "{report}");
}

#[tokio::test]
async fn damage_is_found_while_the_broker_runs() {
    let broker = Broker::with_demo().await;
    let args = json!({ "name": "Ada", "greeting": long() });
    let job = broker.submit("demo/greet", args, json!({ "hold": true })).await;
    let folders = fs::read_dir(broker.data().join("blobs")).unwrap().map(|folder| folder.unwrap().path());
    let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap()).map(|file| file.unwrap().path());
    let holds = |path: &Path| fs::read(path).unwrap().windows(6).any(|part| part == b"Ahoy! ");
    let blob = files.into_iter().find(|path| holds(path)).unwrap();
    fs::write(&blob, b"something else").unwrap();
    let report = verify(&broker, 1, &[]).await;
    let name = blob.file_name().unwrap().to_str().unwrap();
    assert!(report["problems"][0]["key"].as_str().unwrap().contains(name), "{report}");
    fs::remove_file(&blob).unwrap();
    let report = verify(&broker, 1, &[]).await;
    assert_eq!(report["problems"][0]["wrong"], "the blob is missing", "{report}");
    assert!(report["problems"][0]["key"].as_str().unwrap().contains(&job), "{report}");
}

#[tokio::test]
async fn stores_of_every_format_are_sound_and_stay_as_they_are() {
    let broker = Broker::start().await;
    for format in [1, 2] {
        let home = broker.scratch().join(format!("v{format}"));
        fs::create_dir(&home).unwrap();
        unpack(&fixtures::golden(format), &home);
        let data = home.join("data");
        let before = fs::read(data.join("sled/db")).unwrap();
        let report = found_sound(&broker, &["--data", data.to_str().unwrap()]).await;
        assert_eq!(report["records"]["plugins"], 1, "{report}");
        assert_eq!(fs::read(data.join("sled/db")).unwrap(), before);
    }
    let report = ends(&broker, 1, &["verify", "--data", "nowhere"]).await;
    assert_eq!(report, "");
}

#[tokio::test]
async fn a_store_in_memory_is_no_thing_to_back_up() {
    let broker = Broker::start_with(&["--store", "memory"]).await;
    let problem = broker.request("POST", "/v1/backup").send().await.expect_problem(409, "bad_state");
    assert!(problem["detail"].as_str().unwrap().contains("in memory"), "{problem}");
    found_sound(&broker, &[]).await;
    broker
        .request("POST", "/v1/backup")
        .without("authorization")
        .send()
        .await
        .expect_problem(401, "unauthorized");
}
