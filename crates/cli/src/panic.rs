//! A panic is exit 70 with one line, and never shows a value.
//!
//! The message of a panic may hold anything, a credential too; so neither it
//! nor a backtrace is shown unless `RUST_BACKTRACE` asks for them. A panic in
//! a thread that somebody else catches still decides the exit code.

use std::backtrace::Backtrace;
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicBool, Ordering};

use runproof_model::ExitCode;

use crate::message;

static PANICKED: AtomicBool = AtomicBool::new(false);

/// Replaces the hook of the standard library.
pub fn install() {
    std::panic::set_hook(Box::new(|info| {
        PANICKED.store(true, Ordering::SeqCst);
        let wanted = std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0");
        message::rendered(&describe(info, wanted));
    }));
}

/// The exit code of a run, or that of a defect when anything panicked in it.
pub fn settle(code: ExitCode) -> ExitCode {
    if PANICKED.load(Ordering::SeqCst) {
        ExitCode::Defect
    } else {
        code
    }
}

fn describe(info: &PanicHookInfo<'_>, details: bool) -> String {
    let place = info.location().map_or_else(String::new, |location| {
        format!(" at {}:{}", inside(location.file()), location.line())
    });
    if details {
        let backtrace = Backtrace::force_capture();
        return format!("runproof: a defect of runproof{place}: {info}\n{backtrace}\n");
    }
    format!(
        "runproof: a defect of runproof{place}; please report it\n  \
         help: RUST_BACKTRACE=1 shows more, possibly also values of the site\n"
    )
}

/// The path without whatever machine it was built on.
fn inside(file: &str) -> &str {
    ["/registry/src/", "/rustc/"]
        .into_iter()
        .find_map(|mark| {
            let (_, rest) = file.split_once(mark)?;
            rest.split_once('/').map(|(_, path)| path)
        })
        .unwrap_or_else(|| file.rfind("crates/").map_or(file, |at| &file[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("crates/cli/src/x.rs", "crates/cli/src/x.rs")]
    #[case("/home/x/runproof/crates/cli/src/x.rs", "crates/cli/src/x.rs")]
    #[case(
        "/home/x/.cargo/registry/src/index.example.com-1/serde-1.0.0/src/a.rs",
        "serde-1.0.0/src/a.rs"
    )]
    #[case("/rustc/0123abc/library/core/src/a.rs", "library/core/src/a.rs")]
    fn a_place_does_not_name_the_machine_it_was_built_on(#[case] file: &str, #[case] shown: &str) {
        assert_eq!(inside(file), shown);
    }
}
