//! The binary `runproof`; everything is in the library beside it.

fn main() -> std::process::ExitCode {
    runproof::main()
}
