//! Colour, as emphasis only: every line says the same without it.

use anstyle::{AnsiColor, Color, Style};
use runproof_model::Outcome;

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Plain,
    Strong,
    Dim,
    Pass,
    Fail,
    Error,
    Waived,
    Command,
}

/// What an outcome is: red where a check or a document is wrong, yellow where nothing was seen.
pub(crate) fn role_of(outcome: Outcome) -> Role {
    match outcome {
        Outcome::Caught | Outcome::Cascade | Outcome::TrueGreen => Role::Plain,
        Outcome::Missed
        | Outcome::Collateral
        | Outcome::FixFailed
        | Outcome::FixUnneeded
        | Outcome::NotRestored
        | Outcome::Flaky => Role::Fail,
        Outcome::Error
        | Outcome::Refused
        | Outcome::Unviable
        | Outcome::NoBaseline
        | Outcome::Unreadable
        | Outcome::Interrupted => Role::Error,
    }
}

/// Whether to colour.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    pub(crate) color: bool,
}

impl Paint {
    /// The text, coloured when colour is wanted. Never spans lines.
    pub(crate) fn text(self, role: Role, text: &str) -> String {
        if !self.color || role == Role::Plain || text.is_empty() {
            return text.to_owned();
        }
        let color = |color: AnsiColor| Style::new().fg_color(Some(Color::Ansi(color)));
        let style = match role {
            Role::Plain => Style::new(),
            Role::Strong => Style::new().bold(),
            Role::Dim => Style::new().dimmed(),
            Role::Pass => color(AnsiColor::Green),
            Role::Fail => color(AnsiColor::Red).bold(),
            Role::Error => color(AnsiColor::Yellow).bold(),
            Role::Waived => color(AnsiColor::Magenta),
            Role::Command => color(AnsiColor::Cyan),
        };
        format!("{}{text}{}", style.render(), style.render_reset())
    }
}
