//! From a script in a bucket to the compiled one in the work folder. Only the compiled one is ever run.

use std::io;
use std::path::{Path, PathBuf};

use super::bas;
use super::bot::Bot;

/// Why a script did not become a compiled one.
#[derive(Debug)]
pub enum Trouble {
    Io(io::Error),
    Line(usize),
}

/// Where a bot's scripts are worked on.
pub fn folder(work: &Path, bot: &Bot) -> PathBuf {
    work.join(bot.bucket())
        .join(format!("{}.gbdialog", bot.name))
}

/// Puts a script into the work folder and compiles it; a broken one leaves no compiled one behind.
pub fn compile(work: &Path, bot: &Bot, key: &str, script: &str) -> Result<PathBuf, Trouble> {
    let folder = folder(work, bot);
    std::fs::create_dir_all(&folder).map_err(Trouble::Io)?;
    let name = key.rsplit('/').next().unwrap_or(key);
    let source = folder.join(name);
    let compiled = source.with_extension("ast");
    std::fs::write(&source, script).map_err(Trouble::Io)?;
    if let Some(line) = bas::first_error(script) {
        let _ = std::fs::remove_file(&compiled);
        return Err(Trouble::Line(line));
    }
    std::fs::write(&compiled, script).map_err(Trouble::Io)?;
    Ok(compiled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_becomes_a_compiled_one_and_a_broken_one_takes_it_away() {
        let work = std::env::temp_dir().join(format!("standin-compiler-{}", std::process::id()));
        let bot = Bot {
            id: String::new(),
            name: "demo".to_owned(),
        };
        let key = "demo.gbdialog/start.bas";
        let compiled = compile(&work, &bot, key, "TALK \"hi\"").unwrap();
        assert!(compiled.ends_with("demo.gbai/demo.gbdialog/start.ast"));
        assert!(compiled.exists());
        let broken = compile(&work, &bot, key, "TALK \"hi");
        assert!(matches!(broken, Err(Trouble::Line(1))));
        assert!(!compiled.exists());
        std::fs::remove_dir_all(work).unwrap();
    }
}
