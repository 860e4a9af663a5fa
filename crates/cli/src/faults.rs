//! The recordings of faults: those that are compiled in, or those of a folder.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use runproof_model::fault_recording::FORMAT;
use runproof_model::{FaultRecording, json};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::load::LoadError;

/// The recordings that are compiled in: name of the file, and its content.
static BUILT_IN: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/faults.rs"));
/// The largest recording that is read, in bytes. Those that are built in have 140 KB at the most.
const CAP: u64 = 2 << 20;
/// The most JSON values in a recording: ten times those of the largest one that is built in.
const VALUES: usize = 60_000;
/// The most recordings in a folder.
const RECORDINGS: usize = 2000;
/// The most bytes and JSON values in all recordings of a folder. Those that are built in have
/// 7 MB and 330 000 together.
const ALL_BYTES: u64 = 32 << 20;
const ALL_VALUES: usize = 1_000_000;

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
    let mut found = 0_usize;
    for entry in fs::read_dir(folder).map_err(|e| failed(folder, e.to_string()))? {
        let path = entry.map_err(|e| failed(folder, e.to_string()))?.path();
        if path.extension().is_some_and(|end| end == "json") {
            found += 1;
            if found <= RECORDINGS {
                paths.push(path);
            }
        }
    }
    if found > RECORDINGS {
        let why = format!("{found} recordings, more than {RECORDINGS}");
        return Err(failed(folder, why));
    }
    if paths.is_empty() {
        return Err(LoadError::Message(
            format!("{}: there is no recording", folder.display()),
            Some("a recording is a file SCENARIO.json in this folder".to_owned()),
        ));
    }
    paths.sort();
    let mut all = Sum::default();
    paths
        .iter()
        .map(|path| {
            let bytes = read(path).map_err(|why| failed(path, why))?;
            all.add(&bytes).map_err(|why| failed(folder, why))?;
            parse(&path.display().to_string(), &bytes)
        })
        .collect()
}

/// The text of a recording, unless it is too large.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    let io = |e: std::io::Error| e.to_string();
    let meta = fs::metadata(path).map_err(io)?;
    // A pipe would let us wait for ever.
    if !meta.is_file() {
        return Err("not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(CAP + 1).read_to_end(&mut bytes))
        .map_err(io)?;
    let found = meta.len().max(bytes.len() as u64);
    if found > CAP {
        let most = CAP >> 20;
        return Err(format!("{found} bytes, larger than {most} MiB"));
    }
    Ok(bytes)
}

/// What the recordings of a folder have together.
#[derive(Debug, Default)]
struct Sum {
    bytes: u64,
    values: usize,
}

impl Sum {
    /// Takes another one in.
    ///
    /// # Errors
    /// What was found up to it and the limit, in words, when it is one too many.
    fn add(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.bytes += bytes.len() as u64;
        self.values += json::values(bytes);
        if self.bytes > ALL_BYTES {
            let (found, most) = (self.bytes, ALL_BYTES >> 20);
            return Err(format!(
                "recordings of {found} bytes and more, larger than {most} MiB"
            ));
        }
        if self.values > ALL_VALUES {
            let found = self.values;
            return Err(format!(
                "recordings of {found} JSON values and more, more than {ALL_VALUES}"
            ));
        }
        Ok(())
    }
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
    json::bounded_values(bytes, VALUES).map_err(refuse)?;
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
    #[case(r#"{"":0},"#.repeat(40_000).into_bytes(), "a.json", "80000 JSON values, more than 60000")]
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
    fn a_large_recording_is_refused_with_its_size_and_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let file = File::create(folder.path().join("a.json")).unwrap();
        file.set_len(3 << 20).unwrap();
        let refused = recordings(Some(folder.path())).unwrap_err().to_string();
        assert!(
            refused.ends_with("a.json: 3145728 bytes, larger than 2 MiB"),
            "{refused}"
        );
    }

    #[test]
    fn a_folder_of_very_many_recordings_is_refused_before_one_is_read() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..=RECORDINGS {
            File::create(folder.path().join(format!("{number}.json"))).unwrap();
        }
        let refused = recordings(Some(folder.path())).unwrap_err().to_string();
        assert!(
            refused.ends_with("2001 recordings, more than 2000"),
            "{refused}"
        );
    }

    #[rstest]
    #[case(vec![b' '; 1 << 20], 32, "33554433 bytes and more, larger than 32 MiB")]
    #[case(vec![b','; 10_000], 100, "1000001 JSON values and more, more than 1000000")]
    fn many_recordings_have_to_be_small_together(
        #[case] each: Vec<u8>,
        #[case] times: usize,
        #[case] said: &str,
    ) {
        let mut all = Sum::default();
        for _ in 0..times {
            all.add(&each).unwrap();
        }
        let refused = all.add(b",").unwrap_err();
        assert!(refused.ends_with(said), "{refused}");
    }

    #[test]
    fn what_is_compiled_in_can_be_read() {
        assert_eq!(recordings(None).unwrap().len(), BUILT_IN.len());
        let mut all = Sum::default();
        for (_, bytes) in BUILT_IN {
            all.add(bytes).unwrap();
        }
    }
}
