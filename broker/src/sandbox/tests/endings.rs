//! Each way a run can end, and what is left of it.

use serde_json::json;

use super::*;

fn succeeded(json: &str) -> Outcome {
    Outcome::Succeeded(json.to_owned())
}

fn trap(outcome: Outcome) -> (&'static str, String, Vec<String>) {
    let Outcome::Trapped { kind, message, backtrace } = outcome else { panic!("not a trap: {outcome:?}") };
    (kind, message, backtrace)
}

#[tokio::test]
async fn a_value_comes_back_as_json() {
    for guest in in_background(&GUESTS).await {
        assert_eq!(outcome(guest, "add", json!({"x": 10, "y": 20})).await, succeeded("30"));
        assert_eq!(outcome(guest, "math.sum", json!([1, 2])).await, succeeded("3"));
    }
}

#[tokio::test]
async fn nothing_is_null() {
    for guest in in_background(&WASI_GUESTS).await {
        assert_eq!(outcome(guest, "print", json!([1])).await, succeeded("null"));
    }
}

#[tokio::test]
async fn an_err_fails_the_run_with_its_value() {
    for guest in in_background(&GUESTS).await {
        let failed =
            Outcome::Failed { detail: json!({"case": "code", "value": 7}), message: "code".to_owned() };
        assert_eq!(outcome(guest, "fail", json!([7])).await, failed);
    }
}

#[tokio::test]
async fn traps_have_names_and_places() {
    for guest in in_background(&GUESTS).await {
        let (kind, message, backtrace) = trap(outcome(guest, "crash", json!([])).await);
        assert_eq!(kind, "unreachable");
        assert_eq!(message, "wasm `unreachable` instruction executed");
        assert_eq!(backtrace, ["crash"]);
        assert_eq!(trap(outcome(guest, "divide", json!([1, 0])).await).0, "integer_divide_by_zero");
        assert_eq!(trap(outcome(guest, "recurse", json!([])).await).0, "stack_overflow");
    }
}

#[tokio::test]
async fn a_guest_may_end_itself() {
    for guest in in_background(&WASI_GUESTS).await {
        let (kind, message, _) = trap(outcome(guest, "exit", json!([])).await);
        assert_eq!((kind, message.as_str()), ("exit", "the guest ended itself with exit code 1"));
    }
}

#[tokio::test]
async fn giving_up_after_refused_memory_is_out_of_memory() {
    let limits = Limits { memory_bytes_max: 4 << 20, ..Limits::default() };
    for guest in in_background(&GUESTS).await {
        let finished = finish(guest, "hog", json!([]), &limits, &Control::new(&limits)).await;
        assert_eq!(finished.outcome, Outcome::OutOfMemory { memory_bytes_max: 4 << 20 });
        assert_eq!(finished.usage.memory_bytes_peak, (2 << 16) + (3 << 20));
    }
}

#[tokio::test]
async fn a_guest_may_go_on_after_refused_memory() {
    let limits = Limits { memory_bytes_max: 1 << 20, ..Limits::default() };
    for guest in in_background(&GUESTS).await {
        let finished = finish(guest, "grow", json!([100]), &limits, &Control::new(&limits)).await;
        assert_eq!(finished.outcome, succeeded("-1"));
    }
}

#[tokio::test]
async fn a_guest_that_starts_with_more_than_its_memory_does_not_start() {
    let limits = Limits { memory_bytes_max: 1 << 16, ..Limits::default() };
    for guest in in_background(&GUESTS).await {
        let finished = finish(guest, "count", json!([]), &limits, &Control::new(&limits)).await;
        assert_eq!(finished.outcome, Outcome::OutOfMemory { memory_bytes_max: 1 << 16 });
    }
}

#[tokio::test]
async fn the_pool_refuses_what_the_limit_would_allow() {
    let limits = Limits { memory_bytes_max: 1 << 30, ..Limits::default() };
    for guest in in_background(&GUESTS).await {
        let finished = finish(guest, "hog", json!([]), &limits, &Control::new(&limits)).await;
        assert_eq!(finished.outcome, Outcome::OutOfMemory { memory_bytes_max: 1 << 30 });
        assert!(finished.usage.memory_bytes_peak <= 256 << 20);
    }
}

#[tokio::test]
async fn a_result_may_be_as_large_as_the_limit_but_not_larger() {
    let limits = Limits::default();
    for guest in in_background(&GUESTS).await {
        let run = async |handler: &str, size: usize| {
            finish(guest, handler, json!([size]), &limits, &Control::new(&limits)).await.outcome
        };
        let too_large = Outcome::TooLarge { result_bytes_max: 4 << 20 };
        assert!(matches!(run("fill-bytes", 4 << 20).await, Outcome::Succeeded(_)));
        assert_eq!(run("fill-bytes", (4 << 20) + 1).await, too_large);
        // `97,` takes three characters for each number, and two brackets have to fit.
        assert!(matches!(run("fill-numbers", (4 << 20) / 3 - 1).await, Outcome::Succeeded(_)));
        assert_eq!(run("fill-numbers", (4 << 20) / 3 + 1).await, too_large);
        assert_eq!(run("fill-numbers", 5 << 20).await, too_large);
    }
}

#[tokio::test]
async fn no_run_sees_the_memory_of_another() {
    for guest in in_background(&GUESTS).await {
        for _ in 0..100 {
            assert_eq!(outcome(guest, "count", json!([])).await, succeeded("1"));
        }
    }
}

#[tokio::test]
async fn a_value_that_breaks_the_rules_of_components_is_the_plugin_s_fault() {
    for guest in in_background(&GUESTS).await {
        assert!(matches!(outcome(guest, "bad-text", json!([])).await, Outcome::BadPlugin { .. }));
    }
}

#[tokio::test]
async fn an_unknown_handler_is_told() {
    let limits = Limits::default();
    let control = Control::new(&limits);
    let finished =
        run::run(&in_background(&GUESTS).await[0], "no", arguments::Arguments::default(), &limits, &control)
            .await;
    assert_eq!(finished.outcome, Outcome::BadPlugin { message: "there is no handler `no`".to_owned() });
}

#[tokio::test]
async fn both_outputs_are_one_log_in_order() {
    for guest in in_background(&WASI_GUESTS).await {
        let limits = Limits { log_bytes_max: 14, ..Limits::default() };
        let control = Control::new(&limits);
        finish(guest, "print", json!([2]), &limits, &control).await;
        assert_eq!(control.log().text(), "out;err;out;er\n[log truncated: 2 more bytes were not kept]\n");
    }
}

#[tokio::test]
async fn handles_are_limited() {
    for guest in in_background(&WASI_GUESTS).await {
        let outcome = outcome(guest, "hoard", json!([])).await;
        assert!(matches!(outcome, Outcome::BadPlugin { .. }), "{outcome:?}");
    }
}
