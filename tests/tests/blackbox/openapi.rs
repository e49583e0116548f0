//! The OpenAPI document, read by others: what it says is what the broker does.

use std::process::Stdio;

use tokio::process::Command;
use windlass_tests::{broker::Broker, fixtures};

#[tokio::test]
async fn installed_handlers_have_paths_with_their_own_types() {
    let broker = Broker::with_demo().await;
    let document = broker.get("/v1/openapi.json").await.expect_status(200).json();
    let add = &document["paths"]["/v1/call/demo/add"]["post"];
    let by_name = &add["requestBody"]["content"]["application/json"]["schema"]["anyOf"][0];
    assert_eq!(by_name["required"], serde_json::json!(["x", "y"]));
    let value = &add["responses"]["200"]["content"]["application/json"]["schema"];
    assert_eq!(value["maximum"], i32::MAX);
    broker
        .request("GET", "/v1/openapi.json")
        .without("authorization")
        .send()
        .await
        .expect_problem(401, "unauthorized");
}

#[tokio::test]
async fn schemathesis_finds_nothing() {
    let broker = Broker::with_demo().await;
    broker.upload("thumbnail").await;
    let folder = fixtures::package().join("openapi");
    // Nextest bounds how long it may take: minutes, on a busy machine.
    let ran = Command::new(fixtures::python().with_file_name("schemathesis"))
        .arg("--config-file")
        .arg(folder.join("schemathesis.toml"))
        .args(["run", &format!("{}/v1/openapi.json", broker.url())])
        .args(["--header", &format!("Authorization: Bearer {}", broker.token())])
        .env("SCHEMATHESIS_HOOKS", folder.join("hooks.py"))
        .current_dir(broker.scratch())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .expect("schemathesis can be started");
    assert!(
        ran.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr)
    );
}
