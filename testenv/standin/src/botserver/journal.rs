//! What is logged at all: nothing without `--noconsole`, nothing below info unless RUST_LOG asks.

use crate::log;

/// The way to the log.
#[derive(Debug, Clone, Copy)]
pub struct Journal {
    open: bool,
    debug: bool,
}

impl Journal {
    /// As the command line and RUST_LOG say.
    pub fn new(args: &[String]) -> Self {
        let wish = std::env::var("RUST_LOG").unwrap_or_default();
        Self {
            open: args.iter().any(|arg| arg == "--noconsole"),
            debug: wish.contains("debug") || wish.contains("trace"),
        }
    }

    pub fn debug(self, module: &str, message: &str) {
        if self.debug {
            self.write("debug", module, message);
        }
    }

    pub fn info(self, module: &str, message: &str) {
        self.write("info", module, message);
    }

    pub fn warn(self, module: &str, message: &str) {
        self.write("warn", module, message);
    }

    pub fn error(self, module: &str, message: &str) {
        self.write("error", module, message);
    }

    fn write(self, level: &str, module: &str, message: &str) {
        if self.open {
            log::write(level, module, message);
        }
    }
}
