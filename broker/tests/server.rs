//! What clients meet: HTTP and WebSocket over real sockets, with the demo plugin in a real sandbox.
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot be set up has to fail")]

use serde_json::{Value, json};

mod house;

use house::House;

#[tokio::test]
async fn a_call_answers_its_value() {
    let house = House::start().await;
    let mut client = house.connect().await;
    assert_eq!(
        client.ask(json!({"op": "add", "x": 10, "y": 20})).await,
        json!({"op": "result", "value": 30})
    );
    let answer = house.http("POST /v1/call/demo/add", r#"{"x":1,"y":2}"#).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "3"));
}

#[tokio::test]
async fn a_job_is_submitted_waited_for_and_read_again() {
    let house = House::start().await;
    let mut client = house.connect().await;
    let submit =
        json!({"op": "job.submit", "id": 1, "handler": "demo/say", "args": {"line": "hello", "times": 2}});
    let accepted = client.ask(submit).await;
    let job = accepted["job"].as_str().expect("a job");
    let done = client.ask(json!({"op": "job.wait", "id": 2, "job": job})).await;
    assert_eq!(done, json!({"op": "result", "id": 2, "value": null}));
    let view = house.http(&format!("GET /v1/jobs/{job}"), "").await.json();
    assert_eq!((&view["state"], &view["args"]["times"]), (&json!("succeeded"), &json!(2)));
    let logs = house.http(&format!("GET /v1/jobs/{job}/logs"), "").await;
    assert!(logs.body.starts_with("hello\nhello\n"), "{}", logs.body);
    let page = house.http("GET /v1/jobs?state=succeeded", "").await.json();
    assert_eq!(page["items"][0]["id"], json!(job));
}

#[tokio::test]
async fn cancelling_stops_a_running_job_and_tells_those_who_watch() {
    let house = House::start().await;
    let mut client = house.connect().await;
    let accepted = client.ask(json!({"op": "job.submit", "handler": "spin"})).await;
    let job = &accepted["job"];
    let subscribed = client.ask(json!({"op": "sub.open", "topic": "job", "filter": {"job": job}})).await;
    assert_eq!(subscribed["value"], json!({"sub": 1}));
    let mut seen = Value::Null;
    while seen != json!("running") {
        seen = client.next().await["data"]["state"].clone();
    }
    client.send(json!({"op": "job.cancel", "job": job})).await;
    let (first, second) = (client.next().await, client.next().await);
    let (event, answer) = if first["op"] == "event" { (first, second) } else { (second, first) };
    assert_eq!(event["data"]["state"], json!("cancelled"));
    assert_eq!(answer["value"]["state"], json!("cancelled"));
    let waited = client.ask(json!({"op": "job.wait", "job": job})).await;
    assert_eq!(waited["error"]["code"], json!("cancelled"));
}

#[tokio::test]
async fn a_call_in_flight_is_cancelled_by_its_id() {
    let house = House::start().await;
    let mut client = house.connect().await;
    client.send(json!({"op": "spin", "id": "a"})).await;
    client.send(json!({"op": "call.cancel", "id": "b", "call": "a"})).await;
    let answers = [client.next().await, client.next().await];
    let of = |id: &str| answers.iter().find(|answer| answer["id"] == id).expect("an answer");
    assert_eq!(of("a")["error"]["code"], json!("cancelled"));
    assert_eq!(of("b")["value"], Value::Null);
}

#[tokio::test]
async fn answers_without_id_keep_their_order() {
    let house = House::start().await;
    let mut client = house.connect().await;
    client.send(json!({"op": "demo/sleep", "millis": 20})).await;
    client.send(json!({"op": "ping"})).await;
    client.send(json!({"op": "ping", "id": 1})).await;
    assert_eq!(client.next().await, json!({"op": "result", "id": 1, "value": "pong"}));
    assert!(client.next().await["value"].is_number());
    assert_eq!(client.next().await, json!({"op": "result", "value": "pong"}));
}

#[tokio::test]
async fn patience_ends_without_disturbing_the_job() {
    let house = House::start().await;
    let submitted = house.http("POST /v1/jobs", r#"{"handler":"demo/spin"}"#).await;
    assert_eq!(submitted.status, 201);
    let job = submitted.json()["job"].as_str().expect("a job").to_owned();
    let still = house.http(&format!("GET /v1/jobs/{job}/result?wait=10ms"), "").await;
    assert_eq!(still.status, 202);
    assert!(still.head.contains("retry-after: 1"), "{}", still.head);
    let waited = house.connect().await.ask(json!({"op": "job.wait", "job": job, "timeout": "10ms"})).await;
    assert_eq!(waited["error"]["code"], json!("timed_out"));
    assert!(waited["error"]["detail"]["state"].is_string());
    assert_eq!(house.http(&format!("POST /v1/jobs/{job}/cancel"), "").await.status, 200);
}

#[tokio::test]
async fn mistakes_are_typed_and_pointed_to() {
    let house = House::start().await;
    let mut client = house.connect().await;
    for (frame, code, pointer) in [
        (json!({"op": "add", "x": "ten", "y": 1}), "bad_arguments", json!("/x")),
        (json!({"op": "add", "args": {"x": 1}}), "bad_arguments", json!("/args/y")),
        (json!({"op": "add", "args": {}, "opts": {"colour": 1}}), "bad_request", json!("/opts/colour")),
        (json!({"op": "job.wait", "job": "x"}), "bad_request", json!("/job")),
        (
            json!({"op": "job.submit", "handler": "add", "args": {"x": 1, "y": "b"}}),
            "bad_arguments",
            json!("/args/y"),
        ),
        (json!({"op": "sub.open", "topic": "weather"}), "bad_request", json!("/topic")),
        (json!({"op": "demo/ad"}), "unknown_handler", Value::Null),
        (json!({"op": "job.fetch"}), "unknown_op", Value::Null),
        (json!({"op": "job.get", "job": "0".repeat(32)}), "not_found", Value::Null),
    ] {
        let error = client.ask(&frame).await["error"].clone();
        assert_eq!(
            (&error["code"], &error["detail"]["pointer"]),
            (&json!(code), &pointer),
            "{frame}: {error}"
        );
    }
}

#[tokio::test]
async fn three_bad_frames_in_a_row_close_the_connection_and_two_do_not() {
    let house = House::start().await;
    let mut client = house.connect().await;
    for frame in ["{", "[]", r#"{"op":"ping"}"#, "{", "{"] {
        client.ask(frame).await;
    }
    assert_eq!(client.ask("{").await["error"]["code"], json!("bad_frame"));
    assert_eq!(client.close_code().await, 4400);
}

#[tokio::test]
async fn nothing_is_said_to_whoever_does_not_show_the_token() {
    let house = House::start().await;
    for (line, headers, status) in [
        ("GET /healthz", "", 200),
        ("GET /v1/jobs", "", 401),
        ("GET /v1/jobs", "Authorization: Bearer wrong\r\n", 401),
        ("PUT /v1/plugins/demo", "", 401),
        ("GET /metrics", "", 401),
        ("GET /v1/jobs?token=x", "", 400),
        ("GET /healthz", "Host: evil.example\r\n", 403),
        ("GET /nowhere", "", 404),
        ("DELETE /v1/jobs", "", 405),
    ] {
        assert_eq!(house.send(line, headers, "").await.status, status, "{line} {headers}");
    }
    let token = format!("Authorization: Bearer {}\r\nOrigin: http://evil.example\r\n", house.token);
    let foreign = house.send("POST /v1/jobs", &token, "{}").await;
    assert_eq!((foreign.status, &foreign.json()["code"]), (403, &json!("forbidden")));
    assert!(
        foreign.head.contains("application/problem+json") && foreign.head.contains("nosniff"),
        "{}",
        foreign.head
    );
}

#[tokio::test]
async fn the_first_frame_may_show_the_token() {
    let house = House::start().await;
    let mut client = house.connect_with(None).await;
    let hello = json!({"op": "session.hello", "token": house.token, "channel": "ci", "name": "builder"});
    assert_eq!(client.ask(hello).await["value"]["channel"], json!("ci"));
    assert_eq!(client.ask(json!({"op": "ping"})).await["value"], json!("pong"));
    let ci = format!("Authorization: Bearer {}\r\nWindlass-Channel: ci\r\n", house.token);
    let connections = house.send("GET /v1/connections", &ci, "").await.json();
    assert_eq!(
        (&connections["items"][0]["name"], &connections["items"][0]["open"]),
        (&json!("builder"), &json!(true))
    );
}

#[tokio::test]
async fn a_first_frame_without_the_token_closes_the_connection() {
    let house = House::start().await;
    for frame in
        [json!({"op": "ping"}), json!({"op": "session.hello", "token": "wrong"}), json!({"op": "add"})]
    {
        let mut client = house.connect_with(None).await;
        assert_eq!(client.ask(&frame).await["error"]["code"], json!("unauthorized"), "{frame}");
        assert_eq!(client.close_code().await, 4401, "{frame}");
    }
    let mut client = house.connect_with(None).await;
    client.send(json!({"op": "x".repeat(70_000)})).await;
    assert_eq!(client.close_code().await, 4413);
}

#[tokio::test]
async fn jobs_of_another_channel_do_not_exist() {
    let house = House::start().await;
    let job =
        house.http("POST /v1/jobs", r#"{"handler":"demo/add","args":{"x":1,"y":2}}"#).await.json()["job"]
            .clone();
    let mut client = house.connect().await;
    client.ask(json!({"op": "session.hello", "channel": "other"})).await;
    for op in ["job.get", "job.wait", "job.cancel", "job.logs", "job.result"] {
        assert_eq!(
            client.ask(json!({"op": op, "job": job})).await["error"]["code"],
            json!("not_found"),
            "{op}"
        );
    }
    let other = format!("Authorization: Bearer {}\r\nWindlass-Channel: other\r\n", house.token);
    assert_eq!(house.send("GET /v1/jobs", &other, "").await.json()["items"], json!([]));
}

#[tokio::test]
async fn a_long_answer_arrives_whole() {
    let house = House::start().await;
    let mut client = house.connect().await;
    let text = "x".repeat(3 << 20);
    let answer = client.ask(json!({"op": "echo", "args": text})).await;
    assert_eq!(answer["value"].as_str().map(str::len), Some(text.len()));
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_is_read() {
    let house = House::start().await;
    let head = format!("Authorization: Bearer {}\r\nContent-Length: 99999999\r\n", house.token);
    let line = "PUT /v1/plugins/big HTTP/1.1\r\nConnection: close\r\n";
    let mut stream = tokio::net::TcpStream::connect(house.addr).await.expect("the broker listens");
    let request = format!("{line}Host: localhost\r\n{head}\r\n");
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.expect("a head is sent");
    let mut answer = vec![0; 12];
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut answer).await.expect("an answer");
    assert_eq!(answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn events_of_a_job_end_with_its_final_state() {
    let house = House::start().await;
    let job =
        house.http("POST /v1/jobs", r#"{"handler":"demo/add","args":{"x":1,"y":2}}"#).await.json()["job"]
            .clone();
    let job = job.as_str().expect("a job");
    let events = house.http(&format!("GET /v1/jobs/{job}/events"), "").await;
    assert!(events.body.contains("event: snapshot\n"), "{}", events.body);
    assert!(events.body.contains(r#""state":"succeeded""#), "{}", events.body);
}

#[tokio::test]
async fn a_shutdown_lets_calls_end_and_tells_clients_to_go() {
    let house = House::start().await;
    let mut client = house.connect().await;
    client.ask(json!({"op": "ping"})).await;
    client.send(json!({"op": "demo/sleep", "id": 1, "millis": 200})).await;
    client.send(json!({"op": "ping", "id": 2})).await;
    assert_eq!(client.next().await["id"], json!(2), "the call has begun");
    house.shutdown.send(()).expect("the broker runs");
    assert!(client.next().await["value"].is_number());
    assert_eq!(client.close_code().await, 4503);
    drop(client);
    house.served.await.expect("the server ends");
}
