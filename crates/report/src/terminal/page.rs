//! Laying text out in columns.

use crate::paint::{Paint, Role};
use crate::wrap::{pad, width, wrap};

/// Wider lines than this are hard to read.
pub(crate) const WIDEST: usize = 100;
/// Narrower than this nothing can be laid out.
pub(crate) const NARROWEST: usize = 40;
/// The columns of a field's label, with the space after it.
const LABEL: usize = 10;

/// A text that grows downwards.
pub(crate) struct Page {
    out: String,
    paint: Paint,
    width: usize,
    pub(crate) verbose: bool,
}

impl Page {
    pub(crate) fn new(paint: Paint, width: usize, verbose: bool) -> Self {
        Self {
            out: String::new(),
            paint,
            width,
            verbose,
        }
    }

    /// An empty line; never two in a row.
    pub(crate) fn blank(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    /// A line, wrapped under itself.
    pub(crate) fn line(&mut self, indent: usize, role: Role, text: &str) {
        self.hanging(indent, "", Role::Plain, role, text);
    }

    /// A label and a text that is wrapped beside it.
    pub(crate) fn field(&mut self, indent: usize, label: &str, role: Role, text: &str) {
        self.hanging(indent, &pad(label, LABEL), Role::Dim, role, text);
    }

    /// A head of any width and a text that is wrapped beside it.
    pub(crate) fn hanging(
        &mut self,
        indent: usize,
        head: &str,
        head_role: Role,
        role: Role,
        text: &str,
    ) {
        let hang = indent + width(head);
        for (index, piece) in wrap(text, self.width.saturating_sub(hang))
            .iter()
            .enumerate()
        {
            if index == 0 {
                self.out.push_str(&" ".repeat(indent));
                self.out.push_str(&self.paint.text(head_role, head));
            } else {
                self.out.push_str(&" ".repeat(hang));
            }
            self.out.push_str(&self.paint.text(role, piece));
            self.end_line();
        }
    }

    /// A line of painted pieces that the caller knows to be short; wrapped
    /// without colour when they are not.
    pub(crate) fn pieces(&mut self, pieces: &[(Role, String)]) {
        let total: usize = pieces.iter().map(|(_, text)| width(text)).sum();
        if total > self.width {
            let plain: String = pieces.iter().map(|(_, text)| text.as_str()).collect();
            self.hanging(0, "", Role::Plain, Role::Strong, &plain);
            return;
        }
        for (role, text) in pieces {
            self.out.push_str(&self.paint.text(*role, text));
        }
        self.end_line();
    }

    /// A line that is copied: never wrapped.
    pub(crate) fn verbatim(&mut self, indent: usize, text: &str) {
        self.out.push_str(&" ".repeat(indent));
        self.out.push_str(&self.paint.text(Role::Command, text));
        self.end_line();
    }

    fn end_line(&mut self) {
        let bare = self.out.trim_end_matches(' ').len();
        self.out.truncate(bare);
        self.out.push('\n');
    }

    pub(crate) fn finish(self) -> String {
        self.out
    }
}
