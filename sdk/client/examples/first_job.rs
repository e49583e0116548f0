//! The whole of the client in one small program. Start `windlass dev`, then:
//! `WINDLASS_TOKEN=$(windlass token) cargo run -p windlass-client --example first_job`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::env;

use serde_json::json;
use windlass_client::{CallOptions, Client, SubmitOptions};
use windlass_wire::span::{Span, Timeout};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = env::var("WINDLASS_URL").unwrap_or_else(|_| "http://127.0.0.1:7878".to_owned());
    let token = env::var("WINDLASS_TOKEN").ok();
    let client = Client::connect(&url, token.as_deref()).await?;

    let sum = client.call("demo/add", json!({"x": 10, "y": 20}), &CallOptions::default()).await?;
    println!("10 + 20 = {sum}");

    let job = client.submit("demo/greet", json!({"name": "Ada"}), &SubmitOptions::default()).await?;
    println!("job {job} is on the broker's disk");
    println!("{}", client.wait(job, Some(Timeout::After(Span::from_secs(10)))).await?);
    println!("it is {} after {} attempt", client.job(job).await?.state, client.job(job).await?.attempt);
    Ok(())
}
