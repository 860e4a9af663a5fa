//! Outputs: stdout and files, whole or not at all.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use runproof_model::{Campaign, ExitCode, Proof, Report};
use runproof_report::{Style, drill, json, junit, proof, terminal};

use crate::message;
use crate::options::{Format, OutputOptions, ProofFormat, ProofOutputOptions};

/// An output that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The place refused it.
    #[error("{path}: {cause}")]
    Place {
        /// Where it should have gone.
        path: String,
        /// Why it did not.
        cause: io::Error,
    },
    /// The report could not be rendered: a defect of runproof.
    #[error("the {format} report could not be made: {cause}")]
    Render {
        /// The format's name.
        format: &'static str,
        /// What the renderer said.
        cause: String,
    },
}

impl WriteError {
    /// The exit code that stands for it.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Place { .. } => ExitCode::CannotWrite,
            Self::Render { .. } => ExitCode::Defect,
        }
    }
}

/// Writes a report everywhere it should go, says on stderr what failed, and
/// gives the exit code of the process: the report's own, unless an output
/// could not be written. One output's failure does not stop the others.
pub fn deliver(report: &Report, options: &OutputOptions, style: &Style) -> ExitCode {
    let files = options.files.iter();
    deliver_as(
        report.exit_code,
        files.map(|file| (file.format, file.path.as_path())),
        style.verbose,
        |format, style| render(report, format, style),
        || render(report, options.format, style).and_then(|text| stdout(&text)),
    )
}

/// The same for a proof.
pub fn deliver_proof(proof: &Proof, options: &ProofOutputOptions, style: &Style) -> ExitCode {
    let files = options.files.iter();
    deliver_as(
        proof.exit_code,
        files.map(|file| (file.format, file.path.as_path())),
        style.verbose,
        |format, style| render_proof(proof, format, style),
        || render_proof(proof, options.format, style).and_then(|text| stdout(&text)),
    )
}

/// The same for a campaign, a part of which may stand on stdout already: `print` brings the rest.
pub fn deliver_campaign(
    campaign: &Campaign,
    options: &ProofOutputOptions,
    style: &Style,
    print: impl FnOnce() -> Result<(), WriteError>,
) -> ExitCode {
    let files = options.files.iter();
    deliver_as(
        campaign.exit_code,
        files.map(|file| (file.format, file.path.as_path())),
        style.verbose,
        |format, style| render_campaign(campaign, format, style),
        print,
    )
}

fn deliver_as<'a, F: Copy + Ord>(
    code: u8,
    files: impl Iterator<Item = (F, &'a Path)>,
    verbose: bool,
    render: impl Fn(F, &Style) -> Result<String, WriteError>,
    print: impl FnOnce() -> Result<(), WriteError>,
) -> ExitCode {
    let mut errors = Vec::new();
    let mut rendered: BTreeMap<F, String> = BTreeMap::new();
    for (format, path) in files {
        // Files get no colour and the full width, wherever stdout goes.
        let plain = Style {
            color: false,
            width: 100,
            verbose,
        };
        let result = render_once(&mut rendered, format, || render(format, &plain))
            .and_then(|text| replace_file(path, text.as_bytes()));
        errors.extend(result.err());
    }
    errors.extend(print().err());
    for error in &errors {
        message::error(&error.to_string());
    }
    match errors
        .iter()
        .map(WriteError::exit_code)
        .max_by_key(|code| *code == ExitCode::Defect)
    {
        Some(code) => code,
        None => exit_code(code),
    }
}

/// The exit code that a report carries.
pub fn exit_code(code: u8) -> ExitCode {
    [
        ExitCode::Conforms,
        ExitCode::Fails,
        ExitCode::Unestablished,
        ExitCode::NothingChecked,
        ExitCode::Usage,
        ExitCode::Defect,
        ExitCode::CannotWrite,
        ExitCode::Interrupted,
    ]
    .into_iter()
    .find(|known| known.code() == code)
    // A code that nobody knows must not be mistaken for a verdict.
    .unwrap_or(ExitCode::Defect)
}

/// Checks before a long run that the folders of all outputs are there.
///
/// # Errors
///
/// The first that is not.
pub fn check_places<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Result<(), WriteError> {
    for path in paths {
        let folder = folder_of(path);
        let problem = match fs::metadata(folder) {
            Ok(found) if !found.is_dir() => io::Error::from(io::ErrorKind::NotADirectory),
            Ok(_) if path.is_dir() => io::Error::from(io::ErrorKind::IsADirectory),
            Ok(_) => continue,
            Err(cause) => cause,
        };
        return Err(place(path, problem));
    }
    Ok(())
}

fn render(report: &Report, format: Format, style: &Style) -> Result<String, WriteError> {
    let defect = |cause: String| WriteError::Render {
        format: format.as_str(),
        cause,
    };
    match format {
        Format::Terminal => Ok(terminal::render(report, style)),
        Format::Json => json::render(report).map_err(|cause| defect(cause.to_string())),
        Format::Junit => junit::render(report).map_err(|cause| defect(cause.to_string())),
    }
}

fn render_proof(proof: &Proof, format: ProofFormat, style: &Style) -> Result<String, WriteError> {
    let defect = |cause: String| WriteError::Render {
        format: format.as_str(),
        cause,
    };
    match format {
        ProofFormat::Terminal => Ok(proof::terminal::render(proof, style)),
        ProofFormat::Json => json::to_string(proof).map_err(|cause| defect(cause.to_string())),
        ProofFormat::Html => Ok(proof::html::render(proof)),
        ProofFormat::Junit => {
            proof::junit::render(proof).map_err(|cause| defect(cause.to_string()))
        }
    }
}

/// A campaign in one of its formats.
///
/// # Errors
///
/// When it cannot be made, which is a defect of runproof.
pub fn render_campaign(
    campaign: &Campaign,
    format: ProofFormat,
    style: &Style,
) -> Result<String, WriteError> {
    let defect = |cause: String| WriteError::Render {
        format: format.as_str(),
        cause,
    };
    match format {
        ProofFormat::Terminal => Ok(drill::terminal::render(campaign, style)),
        ProofFormat::Json => json::to_string(campaign).map_err(|cause| defect(cause.to_string())),
        ProofFormat::Html => Ok(drill::html::render(campaign)),
        ProofFormat::Junit => {
            drill::junit::render(campaign).map_err(|cause| defect(cause.to_string()))
        }
    }
}

fn render_once<F: Copy + Ord>(
    rendered: &mut BTreeMap<F, String>,
    format: F,
    render: impl FnOnce() -> Result<String, WriteError>,
) -> Result<&str, WriteError> {
    use std::collections::btree_map::Entry;
    let text = match rendered.entry(format) {
        Entry::Occupied(entry) => entry.into_mut(),
        Entry::Vacant(entry) => entry.insert(render()?),
    };
    Ok(text)
}

/// Writes to stdout. A reader that has gone away has read enough: no error.
///
/// # Errors
///
/// Anything else that stdout refuses, as a full disk behind it.
pub fn stdout(text: &str) -> Result<(), WriteError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => Err(WriteError::Place {
            path: "stdout".to_owned(),
            cause,
        }),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Prints a text that says what there is to say, and leaves with a code; with another one when stdout
/// refuses.
pub fn print(text: &str, code: ExitCode) -> ExitCode {
    match stdout(text) {
        Ok(()) => code,
        Err(error) => {
            message::error(&error.to_string());
            error.exit_code()
        }
    }
}

/// Writes a file so that nobody ever sees half of it: to a temporary file in
/// the same folder, flushed to disk, then renamed. A link is followed, and the
/// mode of a file that was there is kept. What is no regular file, as a pipe
/// or `/dev/stdout`, is written to instead of replaced.
///
/// # Errors
///
/// Names the file and the cause; the temporary file is gone then.
pub fn replace_file(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    replace(path, bytes).map_err(|cause| place(path, cause))
}

fn place(path: &Path, cause: io::Error) -> WriteError {
    let path = path.display().to_string();
    WriteError::Place { path, cause }
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (target, mode) = match fs::metadata(path) {
        Ok(found) if found.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(found) if !found.is_file() => {
            let mut special = OpenOptions::new().write(true).open(path)?;
            return special.write_all(bytes).and_then(|()| special.flush());
        }
        Ok(found) => (
            fs::canonicalize(path)?,
            Some(found.permissions().mode() & 0o7777),
        ),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => (path.to_owned(), None),
        Err(cause) => return Err(cause),
    };
    let mut file = tempfile::Builder::new()
        .prefix(".runproof-")
        .suffix(".tmp")
        // What any other program would ask for; the umask takes its part.
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder_of(&target))
        .map_err(without_path)?;
    file.write_all(bytes)?;
    if let Some(mode) = mode {
        file.as_file()
            .set_permissions(Permissions::from_mode(mode))?;
    }
    file.as_file().sync_all()?;
    file.persist(&target).map_err(|error| error.error)?;
    // The rename is on disk once the folder is; a folder that cannot be opened
    // for that is no reason to call the output lost.
    if let Ok(folder) = File::open(folder_of(&target)) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// An error that names the temporary file, which nobody asked for, said without it.
fn without_path(error: io::Error) -> io::Error {
    use io::ErrorKind::{NotFound, PermissionDenied, ReadOnlyFilesystem, StorageFull};
    let kind = error.kind();
    let clear = [NotFound, PermissionDenied, ReadOnlyFilesystem, StorageFull];
    if clear.contains(&kind) {
        kind.into()
    } else {
        error
    }
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        Some(_) | None => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests;
