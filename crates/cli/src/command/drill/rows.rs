//! The rows of a campaign on stdout, each as soon as it is known.

use runproof_model::Campaign;
use runproof_model::drill::Row;
use runproof_report::Style;
use runproof_report::drill::terminal;

use crate::options::ProofFormat;
use crate::progress::Progress;
use crate::write::{self, WriteError};

/// What shows a campaign while it runs: to people its rows, where stdout is for a program a line on
/// stderr for each, and everything at the end.
pub(super) struct Rows<'a> {
    format: ProofFormat,
    style: Style,
    progress: &'a Progress,
    /// What stdout refused. Nothing more goes there then: a table with holes reads like a whole one.
    failed: Result<(), WriteError>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(format: ProofFormat, style: Style, progress: &'a Progress) -> Self {
        Self {
            format,
            style,
            progress,
            failed: Ok(()),
        }
    }

    /// Before the first row.
    pub(super) fn begin(&mut self) {
        if self.format == ProofFormat::Terminal {
            self.print(&terminal::header(&self.style));
        }
    }

    /// A row is known.
    pub(super) fn row(&mut self, row: &Row) {
        match self.format {
            ProofFormat::Terminal => self.print(&terminal::row(row, &self.style)),
            ProofFormat::Json | ProofFormat::Html | ProofFormat::Junit => {
                self.progress.note(&terminal::line(row));
            }
        }
    }

    /// All rows are known.
    ///
    /// # Errors
    ///
    /// What stdout refused now or before, or that the campaign could not be rendered.
    pub(super) fn end(mut self, campaign: &Campaign) -> Result<(), WriteError> {
        let rest = match self.format {
            ProofFormat::Terminal => terminal::summary(campaign, &self.style),
            format @ (ProofFormat::Json | ProofFormat::Html | ProofFormat::Junit) => {
                write::render_campaign(campaign, format, &self.style)?
            }
        };
        self.print(&rest);
        self.failed
    }

    fn print(&mut self, text: &str) {
        if self.failed.is_ok() {
            self.failed = self.progress.aside(|| write::stdout(text));
        }
    }
}
