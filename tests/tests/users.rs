//! Users without any library of ours: the Python scripts and the curl script of `users/`, each against a fresh broker.
#![expect(clippy::expect_used, reason = "a broken assumption of a test fails that test")]

use std::process::{Command, Output};

use image::GenericImageView;
use windlass_tests::{broker::Broker, fixtures};

/// Runs the script, and checks the picture it leaves behind.
async fn makes_a_thumbnail(command: &mut Command) {
    let broker = Broker::start().await;
    let out = broker.scratch().join("thumbnail.jpg");
    command
        .args([fixtures::plugin("demo"), fixtures::plugin("thumbnail"), fixtures::photograph()])
        .arg(&out)
        .env("WINDLASS_URL", broker.url())
        .env("WINDLASS_TOKEN", broker.token());
    let Output { status, stdout, stderr } = command.output().expect("the user's script can be started");
    let said = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(status.success(), "{status}\n{}\n{}", said[0], said[1]);
    assert_eq!(image::open(&out).expect("the thumbnail can be decoded").dimensions(), (96, 96));
}

/// A script of `users/`, to be run by Python.
fn python(script: &str) -> Command {
    let mut command = Command::new(fixtures::python());
    command.arg(fixtures::package().join("users").join(script)).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

#[tokio::test]
async fn with_python() {
    makes_a_thumbnail(&mut python("user.py")).await;
}

#[tokio::test]
async fn with_python_and_msgpack() {
    makes_a_thumbnail(&mut python("packed.py")).await;
}

#[tokio::test]
async fn with_curl() {
    makes_a_thumbnail(&mut Command::new(fixtures::package().join("users/user.sh"))).await;
}
