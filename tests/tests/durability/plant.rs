//! Bugs planted into the store, each of which the losses of power have to find.

/// Plants a bug in this process, or takes it away.
#[cfg(feature = "planted")]
pub(crate) fn plant(name: Option<&str>) {
    use windlass::store::planted::{Bug, plant};
    plant(name.map(|name| Bug::ALL.into_iter().find(|bug| format!("{bug:?}") == name).unwrap()));
}

/// Without the feature there are none.
#[cfg(not(feature = "planted"))]
pub(crate) fn plant(name: Option<&str>) {
    assert_eq!(name, None, "bugs are planted with the feature `planted` only");
}

#[cfg(feature = "planted")]
#[test]
#[expect(clippy::print_stdout, reason = "the figures are the point of the test")]
fn every_planted_bug_of_the_store_is_found() {
    use windlass::store::planted::Bug;

    /// Losses of power after which a bug counts as not found.
    const LOSSES_MAX: usize = 5_000;
    let seed = crate::seed();
    println!("planted: seed {seed}");
    let mut missed = Vec::new();
    for bug in Bug::ALL {
        let name = format!("{bug:?}");
        let (findings, losses) = crate::power::until_found(seed, name.clone().leak(), LOSSES_MAX);
        match findings.first {
            Some(first) => println!("planted: {name} found by loss {losses}: {first}"),
            None => missed.push(name),
        }
    }
    println!("planted: {} of {} planted bugs found", Bug::ALL.len() - missed.len(), Bug::ALL.len());
    assert_eq!(missed, [""; 0]);
}
