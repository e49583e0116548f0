//! Guests that have to be stopped, at work and while they wait in the host.

use std::time::Duration;

use serde_json::json;

use super::*;

const LIMIT: Duration = Duration::from_millis(30);

#[tokio::test]
async fn a_working_guest_is_stopped_at_its_deadline() {
    let limits = Limits { time: Some(LIMIT), ..Limits::default() };
    for guest in in_background(&GUESTS).await {
        let finished = finish(guest, "spin", json!([]), &limits, &Control::new(&limits)).await;
        assert_eq!(finished.outcome, Outcome::TimedOut { limit: LIMIT });
        assert!(finished.usage.wall >= LIMIT);
        assert!(finished.usage.cpu > Duration::ZERO);
    }
}

#[tokio::test]
async fn a_waiting_guest_is_stopped_at_its_deadline() {
    let limits = Limits { time: Some(LIMIT), ..Limits::default() };
    for guest in in_background(&WASI_GUESTS).await {
        let finished = finish(guest, "sleep", json!([]), &limits, &Control::new(&limits)).await;
        assert_eq!(finished.outcome, Outcome::TimedOut { limit: LIMIT });
    }
}

/// Cancels once the guest has said that it has begun.
async fn cancelled_after_it_began(guest: &Program, handler: &str) -> Outcome {
    let limits = Limits { time: None, ..Limits::default() };
    let control = Control::new(&limits);
    let begun = async {
        while control.log().read(0).bytes.is_empty() {
            tokio::task::yield_now().await;
        }
        control.cancel();
    };
    let (finished, ()) = tokio::join!(finish(guest, handler, json!([]), &limits, &control), begun);
    finished.outcome
}

#[tokio::test]
async fn a_working_guest_can_be_cancelled() {
    for guest in in_background(&WASI_GUESTS).await {
        assert_eq!(cancelled_after_it_began(guest, "work").await, Outcome::Cancelled);
    }
}

#[tokio::test]
async fn a_waiting_guest_can_be_cancelled() {
    for guest in in_background(&WASI_GUESTS).await {
        assert_eq!(cancelled_after_it_began(guest, "sleep").await, Outcome::Cancelled);
    }
}

#[tokio::test]
async fn a_run_cancelled_before_it_begins_does_not_begin() {
    let limits = Limits::default();
    for guest in in_background(&WASI_GUESTS).await {
        let control = Control::new(&limits);
        control.cancel();
        let finished = finish(guest, "print", json!([1]), &limits, &control).await;
        assert_eq!(finished.outcome, Outcome::Cancelled);
        assert_eq!(control.log().text(), "");
    }
}

#[tokio::test]
async fn a_slot_is_free_again_after_every_stop() {
    let limits = Limits { time: Some(Duration::from_millis(1)), ..Limits::default() };
    for guest in in_background(&WASI_GUESTS).await {
        for _ in 0..40 {
            let finished = finish(guest, "sleep", json!([]), &limits, &Control::new(&limits)).await;
            assert_eq!(finished.outcome, Outcome::TimedOut { limit: Duration::from_millis(1) });
        }
    }
}

#[tokio::test]
async fn guests_on_one_thread_take_turns() {
    let limits = Limits { time: None, ..Limits::default() };
    for guest in in_background(&GUESTS).await {
        let control = Control::new(&limits);
        let spinning = finish(guest, "spin", json!([]), &limits, &control);
        let other = async {
            let sum = outcome(guest, "add", json!([1, 2])).await;
            control.cancel();
            sum
        };
        let (spun, sum) = tokio::join!(spinning, other);
        assert_eq!((spun.outcome, sum), (Outcome::Cancelled, Outcome::Succeeded("3".to_owned())));
    }
}
