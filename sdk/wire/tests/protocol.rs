//! `PROTOCOL.md` says what the code does.

use windlass_wire::{
    code::{ErrorCode, close},
    frame::{ENVELOPE_KEYS, SUBPROTOCOLS},
    state::JobState,
};

const PROTOCOL: &str = include_str!("../PROTOCOL.md");

fn assert_told(name: &str) {
    assert!(PROTOCOL.contains(&format!("`{name}`")), "{name}");
}

#[test]
fn every_code_is_told_beside_its_status() {
    for code in ErrorCode::ALL {
        let row = PROTOCOL.lines().find(|line| line.starts_with(&format!("| {} |", code.status())));
        assert!(row.is_some_and(|row| row.contains(&format!("`{code}`"))), "{code}");
    }
}

#[test]
fn every_close_code_is_told() {
    for code in [
        close::BAD_FRAMES,
        close::NOT_AUTHENTICATED,
        close::NOT_ALLOWED,
        close::HELLO_TOO_LATE,
        close::TOO_LARGE,
        close::TOO_FAST,
        close::DRAINING,
    ] {
        assert!(PROTOCOL.contains(&format!("| {code} |")), "{code}");
    }
}

#[test]
fn every_limit_is_told() {
    let limits = include_str!("../src/limits.rs").lines().filter_map(|line| line.strip_prefix("pub const "));
    for limit in limits {
        assert_told(limit.split(':').next().unwrap_or_default());
    }
}

#[test]
fn envelope_states_and_subprotocols_are_told() {
    ENVELOPE_KEYS.into_iter().chain(SUBPROTOCOLS).for_each(assert_told);
    for state in JobState::ALL {
        assert_told(state.name());
    }
}
