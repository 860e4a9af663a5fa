//! The recordings of faults: those that are compiled in, or those of a folder.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use runproof_model::FaultRecording;
use runproof_model::fault_recording::FORMAT;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::load::LoadError;

/// The recordings that are compiled in: name of the file, and its content.
static BUILT_IN: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/faults.rs"));
/// The largest recording that is read, in bytes.
const CAP: u64 = 16 << 20;

/// The recordings of a folder, one a file `<scenario>.json`; without one those that are
/// compiled in.
pub fn recordings(folder: Option<&Path>) -> Result<Vec<FaultRecording>, LoadError> {
    let Some(folder) = folder else {
        let built_in = BUILT_IN.iter();
        return built_in.map(|(name, bytes)| parse(name, bytes)).collect();
    };
    let failed =
        |path: &Path, why: String| LoadError::Message(format!("{}: {why}", path.display()), None);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(|e| failed(folder, e.to_string()))? {
        let path = entry.map_err(|e| failed(folder, e.to_string()))?.path();
        if path.extension().is_some_and(|end| end == "json") {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(LoadError::Message(
            format!("{}: there is no recording", folder.display()),
            Some("a recording is a file SCENARIO.json in this folder".to_owned()),
        ));
    }
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let io = |e: std::io::Error| failed(path, e.to_string());
            // A pipe would let us wait for ever.
            if !fs::metadata(path).map_err(io)?.is_file() {
                return Err(failed(path, "not a regular file".to_owned()));
            }
            let mut bytes = Vec::new();
            File::open(path)
                .and_then(|file| file.take(CAP + 1).read_to_end(&mut bytes))
                .map_err(io)?;
            if bytes.len() as u64 > CAP {
                return Err(failed(path, "larger than 16 MiB".to_owned()));
            }
            parse(&path.display().to_string(), &bytes)
        })
        .collect()
}

/// A document of this format; `what` it is, in words.
///
/// # Errors
/// That it says another format, whose form may be another as well; or what is wrong with its form.
pub fn of_format<T: DeserializeOwned>(bytes: &[u8], format: &str, what: &str) -> Result<T, String> {
    #[derive(Deserialize)]
    struct Said {
        format: String,
    }
    let said: Result<Said, _> = serde_json::from_slice(bytes);
    match said {
        Ok(said) if said.format != format => {
            let found = said.format;
            Err(format!("its format is {found:?}, not {format:?}"))
        }
        _ => serde_json::from_slice(bytes).map_err(|error| format!("not {what}: {error}")),
    }
}

/// A recording; its file has to be called like its scenario, so that no two are of one.
fn parse(name: &str, bytes: &[u8]) -> Result<FaultRecording, LoadError> {
    let refuse = |why: String| {
        let why = runproof_model::text::one_line(&why, 300);
        LoadError::Message(format!("{name}: {why}"), None)
    };
    let recording: FaultRecording =
        of_format(bytes, FORMAT, "a recording of a fault").map_err(refuse)?;
    let stem = Path::new(name).file_stem().unwrap_or_default();
    if stem.to_string_lossy() != recording.scenario {
        let scenario = &recording.scenario;
        return Err(refuse(format!(
            "it is of scenario {scenario:?}, its file must be called so"
        )));
    }
    Ok(recording)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn text(format: &str, scenario: &str) -> Vec<u8> {
        format!(
            r#"{{"format":"{format}","scenario":"{scenario}","standin":false,
                "digests":{{"scenario":"","reference":"","queries":""}},"nodes":[],"facts":[]}}"#
        )
        .into_bytes()
    }

    #[rstest]
    #[case(text(FORMAT, "a"), "a.json", "")]
    #[case(text(FORMAT, "a"), "b.json", "it is of scenario \"a\"")]
    #[case(
        text("runproof.fault/9", "a"),
        "a.json",
        "its format is \"runproof.fault/9\""
    )]
    #[case(b"[]".to_vec(), "a.json", "not a recording of a fault")]
    fn a_recording_is_of_this_version_and_called_like_its_scenario(
        #[case] bytes: Vec<u8>,
        #[case] name: &str,
        #[case] said: &str,
    ) {
        match parse(name, &bytes) {
            Ok(recording) => assert_eq!((recording.scenario.as_str(), said), ("a", "")),
            Err(error) => assert!(
                !said.is_empty() && error.to_string().contains(said),
                "{error}"
            ),
        }
    }

    #[test]
    fn what_is_compiled_in_can_be_read() {
        assert_eq!(recordings(None).unwrap().len(), BUILT_IN.len());
    }
}
