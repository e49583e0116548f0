//! What goes on while a command waits: a line on stderr, if somebody sits before it.

use std::{borrow::Cow, time::Duration};

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};

use super::output::Output;

/// How often the line moves.
const TICK: Duration = Duration::from_millis(100);

/// A line that moves until it is dropped, and is gone then.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Begins to tell what is waited for.
    pub(crate) fn begin(output: Output, what: impl Into<Cow<'static, str>>) -> Self {
        if !output.has_watcher() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new_spinner().with_finish(ProgressFinish::AndClear).with_message(what);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK);
        Self(bar)
    }

    /// Tells something else.
    pub(crate) fn tell(&self, what: impl Into<Cow<'static, str>>) {
        self.0.set_message(what);
    }

    /// Whether anybody sees it.
    pub(crate) fn is_seen(&self) -> bool {
        !self.0.is_hidden()
    }
}
