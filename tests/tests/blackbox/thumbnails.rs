//! Real input: the thumbnail plugin on the photograph, the result decoded and looked at.

use image::{GenericImageView, ImageFormat};
use serde_json::{Value, json};
use windlass_tests::{broker::Broker, fixtures};

async fn broker() -> Broker {
    let broker = Broker::start().await;
    broker.upload("thumbnail").await;
    broker
}

fn args(width: u32, height: u32, fit: &str) -> Value {
    let image = base64_simd::STANDARD.encode_to_string(fixtures::photograph_bytes());
    json!({ "image": image, "width": width, "height": height, "fit": fit })
}

/// Decodes a result and answers its size, having checked that it is a picture of the photograph's brightness.
fn size(result: &Value) -> (u32, u32) {
    let bytes = base64_simd::STANDARD.decode_to_vec(result.as_str().unwrap()).unwrap();
    let thumbnail = image::load_from_memory_with_format(&bytes, ImageFormat::Jpeg).unwrap();
    let photograph = image::load_from_memory(&fixtures::photograph_bytes()).unwrap();
    let difference = brightness(&thumbnail).abs_diff(brightness(&photograph));
    assert!(difference < 16, "the thumbnail's mean brightness differs by {difference} of 255");
    thumbnail.dimensions()
}

fn brightness(image: &image::DynamicImage) -> u64 {
    let grey = image.to_luma8();
    let sum: u64 = grey.pixels().map(|pixel| u64::from(pixel.0[0])).sum();
    sum / (u64::from(grey.width()) * u64::from(grey.height()))
}

#[tokio::test]
async fn a_job_over_websocket_makes_a_thumbnail_of_the_photograph() {
    let broker = broker().await;
    let mut socket = broker.socket().await;
    let job = socket.submit("thumbnail/thumbnail", args(128, 128, "cover"), json!({})).await;
    let result = socket.value(json!({ "op": "job.wait", "job": job })).await;
    assert_eq!(size(&result), (128, 128));
}

#[tokio::test]
async fn a_job_over_http_makes_a_thumbnail_of_the_photograph() {
    let broker = broker().await;
    let job = broker.submit("thumbnail/thumbnail", args(100, 100, "stretch"), json!({})).await;
    let result = broker.get(&format!("/v1/jobs/{job}/result?wait=30s")).await.expect_status(200);
    assert_eq!(size(&result.json()), (100, 100));
}

#[tokio::test]
async fn proportions_are_kept_unless_asked_otherwise() {
    let broker = broker().await;
    let (width, height) = image::load_from_memory(&fixtures::photograph_bytes()).unwrap().dimensions();
    let mut args = args(120, 120, "contain");
    args.as_object_mut().unwrap().remove("fit");
    let result = broker.post("/v1/call/thumbnail/thumbnail", &args).await.expect_status(200).json();
    let expected = if height > width { (120 * width / height, 120) } else { (120, 120 * height / width) };
    let got = size(&result);
    let close = got.0.abs_diff(expected.0) <= 1 && got.1.abs_diff(expected.1) <= 1;
    assert!(close, "{got:?} is not {expected:?}");
}

#[tokio::test]
async fn what_is_no_picture_fails_in_words() {
    let broker = broker().await;
    let mut args = args(10, 10, "cover");
    args["image"] = json!(base64_simd::STANDARD.encode_to_string(b"not a picture"));
    let problem =
        broker.post("/v1/call/thumbnail/thumbnail", &args).await.expect_problem(422, "handler_error");
    assert!(problem.to_string().len() > 40, "{problem}");
}
