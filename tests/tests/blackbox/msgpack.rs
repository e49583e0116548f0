//! The WebSocket in `MessagePack`: the same frames, with bytes as bin and 64-bit integers as integers. Frames are
//! written out byte by byte here, so that no library of ours vouches for itself.

use serde_json::{Value, json};
use windlass_tests::{broker::Broker, http::Call, socket::Socket};

const SUBPROTOCOL: &str = "windlass.v1.msgpack";
/// Three bytes as bin.
const BIN: [u8; 5] = [0xc4, 3, 0x00, 0x01, 0xff];

async fn packed(broker: &Broker) -> Socket {
    Socket::speaking(broker.address(), &broker.token(), SUBPROTOCOL).await
}

/// Text as `MessagePack`; up to 31 bytes.
fn text(text: &str) -> Vec<u8> {
    let head = 0xa0 | u8::try_from(text.len()).unwrap();
    assert!(head < 0xc0, "the text is short");
    [&[head], text.as_bytes()].concat()
}

/// A map as `MessagePack`: keys, and values that are written already.
fn map(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let head = 0x80 | u8::try_from(entries.len()).unwrap();
    let written = entries.iter().map(|(key, value)| [&text(key), *value].concat());
    std::iter::once(vec![head]).chain(written).collect::<Vec<_>>().concat()
}

fn result(value: &[u8]) -> Vec<u8> {
    map(&[("op", &text("result")), ("value", value)])
}

/// The error in an answer. What holds no bin can be read as JSON has it.
async fn refusal(socket: &mut Socket, frame: &[u8]) -> Value {
    let answer = socket.ask_binary(frame.to_vec()).await;
    let answer: Value = rmp_serde::from_slice(&answer).unwrap();
    assert_eq!(answer["op"], "error", "{answer}");
    answer["error"].clone()
}

#[tokio::test]
async fn bytes_go_in_and_come_back_as_bin() {
    let broker = Broker::with_demo().await;
    let mut socket = packed(&broker).await;
    let call = map(&[("op", &text("demo/echo")), ("bytes", &BIN)]);
    assert_eq!(socket.ask_binary(call).await, result(&BIN));
}

#[tokio::test]
async fn the_result_of_a_job_is_bin_too() {
    let broker = Broker::with_demo().await;
    let mut socket = packed(&broker).await;
    let args = map(&[("bytes", &BIN)]);
    let submit = map(&[("op", &text("job.submit")), ("handler", &text("demo/echo")), ("args", &args)]);
    let accepted: Value = rmp_serde::from_slice(&socket.ask_binary(submit).await).unwrap();
    let job = accepted["job"].as_str().unwrap();
    // A text of 32 bytes has its length in a byte of its own.
    let job = [&[0xd9, 32], job.as_bytes()].concat();
    let wait = |op: &str| map(&[("op", &text(op)), ("job", &job)]);
    assert_eq!(socket.ask_binary(wait("job.wait")).await, result(&BIN));
    assert_eq!(socket.ask_binary(wait("job.result")).await, result(&BIN));
    let view: Value = rmp_serde::from_slice(&socket.ask_binary(wait("job.get")).await).unwrap();
    assert_eq!(view["value"]["args"], json!({ "bytes": "AAH/" }));
}

#[tokio::test]
async fn whole_numbers_beyond_a_double_are_integers() {
    let broker = Broker::with_demo().await;
    let mut socket = packed(&broker).await;
    let given = json!({
        "boolean": true, "int8": -128, "uint8": 255, "int16": -32768, "uint16": 65535,
        "int32": -2_147_483_648, "uint32": 4_294_967_295_u32, "int64": i64::MIN, "uint64": u64::MAX,
        "float32": 0.5, "float64": -1e300, "character": "\u{1F980}", "text": "gr\u{fc}n",
        "bytes": "", "names": ["a", ""], "pair": ["left", 7], "maybe": null, "outcome": { "err": "no" },
        "shape": { "case": "polygon", "value": [{ "x": 0.0, "y": 0.5 }] }, "colour": "green",
        "style": ["dashed", "shadowed"],
    });
    let call = json!({ "op": "demo/shapes.everything", "args": { "v": given } });
    let answer = socket.ask_binary(rmp_serde::to_vec_named(&call).unwrap()).await;
    let integers = [
        ("int64", [0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0]),
        ("uint64", [0xcf, 255, 255, 255, 255, 255, 255, 255, 255]),
    ];
    for (name, integer) in integers {
        let field = [&text(name), &integer[..]].concat();
        assert!(
            answer.windows(field.len()).any(|window| window == field),
            "`{name}` is an integer: {answer:x?}"
        );
    }
    let empty_bin = [&text("bytes")[..], &[0xc4, 0]].concat();
    assert!(answer.windows(empty_bin.len()).any(|window| window == empty_bin), "no bytes are bin too");
}

#[tokio::test]
async fn a_bad_frame_says_what_is_wrong_and_the_third_in_a_row_ends_the_connection() {
    let broker = Broker::start().await;
    let mut socket = packed(&broker).await;
    let endless = [&[0x81][..], &text("op"), &[0xdd, 255, 255, 255, 255]].concat();
    for (frame, part) in [
        (&[0xc1][..], "at byte 0"),
        (&endless, "the frame ends within a value"),
        (&map(&[("op", &[0xd4, 1, 1])]), "an extension type"),
    ] {
        let error = refusal(&mut socket, frame).await;
        assert_eq!(error["code"], "bad_frame");
        assert!(error["message"].as_str().unwrap().contains(part), "{error}");
    }
    assert_eq!(socket.closed().await, Some(4400));
}

#[tokio::test]
async fn a_frame_that_nests_too_deeply_is_refused() {
    let broker = Broker::start().await;
    let mut socket = packed(&broker).await;
    let deep = |depth: usize| {
        [&[0x82][..], &text("op"), &text("echo"), &text("a"), &vec![0x91; depth], &[0xc0]].concat()
    };
    let answer: Value = rmp_serde::from_slice(&socket.ask_binary(deep(126)).await).unwrap();
    assert_eq!(answer["op"], "result", "{answer}");
    assert_eq!(refusal(&mut socket, &deep(127)).await["code"], "bad_frame");
}

#[tokio::test]
async fn mistakes_are_pointed_to_as_in_json() {
    let broker = Broker::with_demo().await;
    let mut socket = packed(&broker).await;
    let call = map(&[("op", &text("demo/add")), ("id", &[7]), ("x", &BIN), ("y", &[1])]);
    let answer: Value = rmp_serde::from_slice(&socket.ask_binary(call).await).unwrap();
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(7), &json!("bad_arguments")));
    assert_eq!(answer["error"]["detail"]["pointer"], "/x");
}

#[tokio::test]
async fn text_messages_are_bad_frames_here() {
    let broker = Broker::start().await;
    let mut socket = packed(&broker).await;
    socket.send(json!({ "op": "ping" })).await;
    let pong = map(&[("op", &text("ping"))]);
    let error = refusal(&mut socket, &pong).await;
    assert_eq!(error["code"], "bad_frame");
}

#[tokio::test]
async fn the_first_subprotocol_that_is_known_is_spoken() {
    let broker = Broker::start().await;
    for (offered, chosen) in [
        ("windlass.v9.cbor, windlass.v1.msgpack, windlass.v1.json", "windlass.v1.msgpack"),
        ("windlass.v1.json, windlass.v1.msgpack", "windlass.v1.json"),
    ] {
        let call = Call::new(broker.address(), "GET", "/v1/ws")
            .header("authorization", format!("Bearer {}", broker.token()))
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("sec-websocket-protocol", offered);
        let reply = call.send().await.expect_status(101);
        assert_eq!(reply.header("sec-websocket-protocol"), chosen);
    }
}
