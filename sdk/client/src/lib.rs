//! The Rust client of windlass: connect, call, submit, wait, watch over a WebSocket, and upload over HTTP.
//!
//! ```no_run
//! use serde_json::json;
//! use windlass_client::{CallOptions, Client};
//!
//! # async fn sum() -> Result<(), windlass_client::ClientError> {
//! let client = Client::connect("http://127.0.0.1:7878", Some("the token")).await?;
//! let sum = client.call("demo/add", json!({"x": 10, "y": 20}), &CallOptions::default()).await?;
//! assert_eq!(sum, 30);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod answers;
mod client;
mod connection;
mod endpoint;
mod error;
mod http;
mod subscription;

pub use client::Client;
pub use error::ClientError;
pub use http::{Download, HttpClient};
pub use subscription::{Subscription, Update};
pub use windlass_wire::submit::{CallOptions, RetryOptions, SubmitOptions};
