//! One test an invariant: `cargo nextest run -p runproof-suites botui-server-url-localhost`.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    runproof_suites::main(Path::new(env!("CARGO_TARGET_TMPDIR")))
}
