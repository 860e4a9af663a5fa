//! The recordings of faults: those that are compiled in, or those of a folder.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use runproof_model::FaultRecording;
use runproof_model::fault_recording::FORMAT;

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

/// A recording; its file has to be called like its scenario, so that no two are of one.
fn parse(name: &str, bytes: &[u8]) -> Result<FaultRecording, LoadError> {
    let refuse = |why: String| {
        let why = runproof_model::text::one_line(&why, 300);
        LoadError::Message(format!("{name}: {why}"), None)
    };
    let recording: FaultRecording = serde_json::from_slice(bytes)
        .map_err(|error| refuse(format!("not a recording of a fault: {error}")))?;
    if recording.format != FORMAT {
        let found = &recording.format;
        return Err(refuse(format!("its format is {found:?}, not {FORMAT:?}")));
    }
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
