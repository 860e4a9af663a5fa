//! Whether to colour.

use std::io::IsTerminal as _;

use clap::ValueEnum;

/// `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// When the output is a terminal and `NO_COLOR` is not set
    #[default]
    Auto,
    /// Always, also into a pipe
    Always,
    /// Never
    Never,
}

/// What the decision rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// The output is a terminal.
    pub terminal: bool,
    /// `NO_COLOR` is set and not empty.
    pub no_color: bool,
    /// `TERM` is `dumb`.
    pub dumb: bool,
}

impl Surroundings {
    /// Those of stdout.
    pub fn of_stdout() -> Self {
        Self::of(std::io::stdout().is_terminal())
    }

    /// Those of stderr.
    pub fn of_stderr() -> Self {
        Self::of(std::io::stderr().is_terminal())
    }

    fn of(terminal: bool) -> Self {
        Self {
            terminal,
            no_color: std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
            dumb: std::env::var_os("TERM").is_some_and(|value| value == "dumb"),
        }
    }
}

/// The option wins over `NO_COLOR`, and `NO_COLOR` over the terminal.
pub fn wanted(choice: ColorChoice, surroundings: Surroundings) -> bool {
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => surroundings.terminal && !surroundings.no_color && !surroundings.dumb,
    }
}

/// The columns of the terminal on stdout; what is not a terminal gets 100.
pub fn columns() -> usize {
    console::Term::stdout()
        .size_checked()
        .map_or(100, |(_, columns)| usize::from(columns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::a_terminal(ColorChoice::Auto, true, false, false, true)]
    #[case::a_pipe(ColorChoice::Auto, false, false, false, false)]
    #[case::no_color(ColorChoice::Auto, true, true, false, false)]
    #[case::a_dumb_terminal(ColorChoice::Auto, true, false, true, false)]
    #[case::the_option_beats_no_color(ColorChoice::Always, false, true, true, true)]
    #[case::never(ColorChoice::Never, true, false, false, false)]
    fn colour_follows_option_environment_terminal(
        #[case] choice: ColorChoice,
        #[case] terminal: bool,
        #[case] no_color: bool,
        #[case] dumb: bool,
        #[case] colour: bool,
    ) {
        let surroundings = Surroundings {
            terminal,
            no_color,
            dumb,
        };
        assert_eq!(wanted(choice, surroundings), colour);
    }
}
