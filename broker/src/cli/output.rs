//! The only place that prints.

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use comfy_table::{Table, presets::NOTHING};
use serde::Serialize;
use serde_json::Value;

use super::failure::Failure;

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// For people.
    Table,
    /// One JSON document.
    Json,
    /// One JSON document a line.
    Ndjson,
    /// Only ids or names, one a line.
    Id,
}

/// Something that makes a line of a table.
pub(crate) trait Row: Serialize {
    /// What stands above the columns.
    const HEADINGS: &'static [&'static str];
    /// One text a column.
    fn cells(&self) -> Vec<String>;
    /// What `-o id` prints.
    fn id(&self) -> String;
}

/// The terminal, drawn upon as a whole. Dropping it brings back what was there before.
pub(crate) struct Screen(io::Stdout);

/// The other screen of the terminal, without a cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
/// Back to where the user was.
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
/// Columns and rows of a terminal that does not tell.
const SIZE_DEFAULT: (usize, usize) = (80, 24);

impl Screen {
    /// Takes the whole terminal.
    pub(crate) fn enter() -> io::Result<Self> {
        let screen = Self(io::stdout());
        write!(screen.0.lock(), "{ENTER}")?;
        Ok(screen)
    }

    /// Columns and rows.
    pub(crate) fn size(&self) -> (usize, usize) {
        let told = rustix::termios::tcgetwinsize(&self.0).ok().filter(|size| size.ws_col > 0);
        told.map_or(SIZE_DEFAULT, |size| (size.ws_col.into(), size.ws_row.into()))
    }

    /// Draws lines from the top, over those that were there.
    pub(crate) fn draw(&self, lines: &[String]) -> io::Result<()> {
        let lines: Vec<_> = lines.iter().map(|line| format!("{}\x1b[K", harmless(line))).collect();
        let mut stdout = self.0.lock();
        write!(stdout, "\x1b[H{}\x1b[J", lines.join("\r\n"))?;
        stdout.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // With the terminal gone there is nothing to bring back.
        drop(write!(self.0.lock(), "{LEAVE}").and_then(|()| self.0.lock().flush()));
    }
}

/// stdout and stderr, as the user wants them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    form: Form,
    terminal: bool,
    watched: bool,
    colour: bool,
}

impl Output {
    pub(crate) fn new(form: Form) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let watched = io::stderr().is_terminal();
        Self { form, terminal: io::stdout().is_terminal(), watched, colour: watched && !plain }
    }

    pub(crate) fn is_terminal(self) -> bool {
        self.terminal
    }

    pub(crate) fn form(self) -> Form {
        self.form
    }

    /// Whether somebody sees what goes to stderr.
    pub(crate) fn has_watcher(self) -> bool {
        self.watched
    }

    /// A line that has one form only.
    pub(crate) fn line(self, text: &str) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        if self.terminal { writeln!(stdout, "{}", harmless(text)) } else { writeln!(stdout, "{text}") }?;
        stdout.flush()
    }

    /// Text that has its own line ends, or none.
    pub(crate) fn text(self, text: &str) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        if self.terminal { write!(stdout, "{}", harmless(text)) } else { write!(stdout, "{text}") }?;
        stdout.flush()
    }

    /// The value of a handler.
    pub(crate) fn value(self, value: &Value) -> io::Result<()> {
        self.line(&value_text(self.form, value))
    }

    /// An id that something new was given.
    pub(crate) fn id(self, name: &str, id: &str) -> io::Result<()> {
        match self.form {
            Form::Table | Form::Id => self.line(id),
            Form::Json | Form::Ndjson => self.line(&serde_json::json!({ name: id }).to_string()),
        }
    }

    /// One thing: `fields` are what people see of it.
    pub(crate) fn record(self, id: &str, view: &impl Serialize, fields: &[(&str, String)]) -> io::Result<()> {
        match self.form {
            Form::Table => {
                self.line(&columns(&[], fields.iter().map(|(name, text)| vec![*name, text.as_str()])))
            }
            Form::Id => self.line(id),
            Form::Json => self.line(&serde_json::to_string_pretty(view)?),
            Form::Ndjson => self.line(&serde_json::to_string(view)?),
        }
    }

    /// Many things of a kind.
    pub(crate) fn list<T: Row>(self, rows: &[T]) -> io::Result<()> {
        let text = list_text(self.form, rows)?;
        if text.is_empty() { Ok(()) } else { self.line(&text) }
    }

    /// Something for people that is no result; only shown to people.
    pub(crate) fn note(self, text: &str) -> io::Result<()> {
        if self.colour { writeln!(io::stderr(), "{}", harmless(text)) } else { Ok(()) }
    }

    /// Why a command did not work, on stderr.
    pub(crate) fn failure(self, failure: &Failure) {
        let (red, cyan, plain) =
            if self.colour { ("\x1b[1;31m", "\x1b[36m", "\x1b[0m") } else { ("", "", "") };
        let labels = std::iter::once("error:").chain(std::iter::repeat("      "));
        let lines = labels
            .zip(&failure.lines)
            .map(|(label, line)| format!("{red}{label}{plain} {}\n", harmless(line)));
        let hint = failure.hint.iter().map(|hint| format!("{cyan}try:{plain}   {}\n", harmless(hint)));
        let text: String = lines.chain(hint).collect();
        // With stderr gone there is nobody left to tell; the exit code still does.
        drop(io::stderr().write_all(text.as_bytes()));
    }
}

fn value_text(form: Form, value: &Value) -> String {
    match (form, value) {
        (Form::Table | Form::Id, Value::String(text)) => text.clone(),
        (Form::Json, value) => format!("{value:#}"),
        (Form::Table | Form::Ndjson | Form::Id, value) => value.to_string(),
    }
}

fn list_text<T: Row>(form: Form, rows: &[T]) -> serde_json::Result<String> {
    let lines = match form {
        Form::Table => return Ok(columns(T::HEADINGS, rows.iter().map(Row::cells))),
        Form::Json => return serde_json::to_string_pretty(rows),
        Form::Ndjson => rows.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?,
        Form::Id => rows.iter().map(Row::id).collect(),
    };
    Ok(lines.join("\n"))
}

fn columns(headings: &[&str], rows: impl Iterator<Item = Vec<impl ToString>>) -> String {
    let mut table = Table::new();
    table.load_preset(NOTHING);
    if !headings.is_empty() {
        table.set_header(headings);
    }
    for row in rows {
        table.add_row(row);
    }
    let lines: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}

/// The text without what would command a terminal: guests wrote parts of it.
fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Serialize)]
    struct Fruit {
        name: &'static str,
        count: u32,
    }

    impl Row for Fruit {
        const HEADINGS: &'static [&'static str] = &["NAME", "COUNT"];

        fn cells(&self) -> Vec<String> {
            vec![self.name.to_owned(), self.count.to_string()]
        }

        fn id(&self) -> String {
            self.name.to_owned()
        }
    }

    const FRUIT: [Fruit; 2] = [Fruit { name: "apple", count: 3 }, Fruit { name: "fig", count: 12 }];

    #[test]
    fn a_list_has_four_forms() {
        let text = |form| list_text(form, &FRUIT).unwrap();
        assert_eq!(text(Form::Table), " NAME   COUNT\n apple  3\n fig    12");
        assert_eq!(text(Form::Id), "apple\nfig");
        assert_eq!(text(Form::Ndjson), "{\"name\":\"apple\",\"count\":3}\n{\"name\":\"fig\",\"count\":12}");
        let document: Value = serde_json::from_str(&text(Form::Json)).unwrap();
        assert_eq!(document, json!([{"name": "apple", "count": 3}, {"name": "fig", "count": 12}]));
    }

    #[test]
    fn text_is_printed_bare_for_people_and_quoted_for_programs() {
        assert_eq!(value_text(Form::Table, &json!("hello")), "hello");
        assert_eq!(value_text(Form::Json, &json!("hello")), "\"hello\"");
        assert_eq!(value_text(Form::Table, &json!({"a": [1, 2]})), r#"{"a":[1,2]}"#);
    }

    #[test]
    fn guests_cannot_command_the_terminal() {
        assert_eq!(harmless("a\x1b]0;pwned\x07\tb\n"), "a\u{fffd}]0;pwned\u{fffd}\tb\n");
    }
}
