//! Outputs, on a real file system.

use super::*;
use crate::options::{OutputFile, ProofFile};
use rstest::rstest;
use runproof_model::report::{FORMAT, Summary};

fn report(exit_code: u8) -> Report {
    Report {
        format: FORMAT.to_owned(),
        site: "lab".to_owned(),
        profile: "incus".to_owned(),
        recorded: false,
        started: "2024-02-03T04:05:06Z".to_owned(),
        duration_s: 0.1,
        exit_code,
        summary: Summary::default(),
        findings: Vec::new(),
        nodes: Vec::new(),
        notes: Vec::new(),
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn every_output_is_written_and_nothing_else_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let file = |format, name: &str| OutputFile {
        format,
        path: folder.path().join(name),
    };
    let options = OutputOptions {
        format: Format::Terminal,
        files: vec![
            file(Format::Json, "a.json"),
            file(Format::Junit, "a.xml"),
            file(Format::Json, "b.json"),
        ],
    };
    assert_eq!(
        deliver(&report(3), &options, &Style::default()),
        ExitCode::NothingChecked
    );
    assert_eq!(names(folder.path()), ["a.json", "a.xml", "b.json"]);
    let read = |name| fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(read("a.json").starts_with("{\n  \"format\": \"runproof.report/1\""));
    assert_eq!(read("a.json"), read("b.json"));
    assert!(read("a.xml").starts_with("<?xml"));
}

#[test]
fn one_output_that_fails_does_not_stop_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| OutputFile {
        format: Format::Json,
        path: folder.path().join(name),
    };
    let options = OutputOptions {
        format: Format::Terminal,
        files: vec![file("missing/a.json"), file("b.json")],
    };
    assert!(check_places(options.paths()).is_err());
    assert_eq!(
        deliver(&report(0), &options, &Style::default()),
        ExitCode::CannotWrite
    );
    assert_eq!(names(folder.path()), ["b.json"]);
}

#[test]
fn a_file_that_was_there_keeps_its_mode_and_a_link_stays_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("real"), folder.path().join("link"));
    fs::write(&file, "old").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("real", &link).unwrap();
    replace_file(&link, b"new").unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&file).unwrap(), "new");
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o640
    );
    assert_eq!(names(folder.path()), ["link", "real"]);
}

#[test]
fn a_new_file_can_be_read_as_the_umask_says() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (folder.path().join("ours"), folder.path().join("theirs"));
    replace_file(&ours, b"x").unwrap();
    fs::write(&theirs, b"x").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&ours), mode(&theirs));
}

#[test]
fn a_device_is_written_to_and_not_replaced() {
    replace_file(Path::new("/dev/null"), b"x").unwrap();
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
    let full = replace_file(Path::new("/dev/full"), b"x").unwrap_err();
    assert_eq!(full.exit_code(), ExitCode::CannotWrite);
}

#[test]
fn a_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(replace_file(folder.path(), b"x").is_err());
}

#[rstest]
#[case(0, ExitCode::Conforms)]
#[case(2, ExitCode::Unestablished)]
#[case(130, ExitCode::Interrupted)]
#[case(17, ExitCode::Defect)]
fn the_exit_code_is_the_reports(#[case] code: u8, #[case] exit: ExitCode) {
    assert_eq!(exit_code(code), exit);
}

#[test]
fn a_campaign_goes_to_its_files_whatever_became_of_stdout() {
    let folder = tempfile::tempdir().unwrap();
    let file = |format, name: &str| ProofFile {
        format,
        path: folder.path().join(name),
    };
    let options = ProofOutputOptions {
        format: ProofFormat::Terminal,
        files: vec![
            file(ProofFormat::Json, "a.json"),
            file(ProofFormat::Html, "a.html"),
            file(ProofFormat::Junit, "a.xml"),
            file(ProofFormat::Terminal, "a.txt"),
        ],
    };
    let campaign = Campaign::new("lab", vec!["a-scenario".to_owned()]).settle(None);
    let style = Style::default();
    let code = deliver_campaign(&campaign, &options, &style, || Ok(()));
    assert_eq!(code, ExitCode::NothingChecked);
    let full = || place(Path::new("stdout"), io::ErrorKind::StorageFull.into());
    let code = deliver_campaign(&campaign, &options, &style, || Err(full()));
    assert_eq!(code, ExitCode::CannotWrite);
    assert_eq!(names(folder.path()), ["a.html", "a.json", "a.txt", "a.xml"]);
    let text = fs::read_to_string(folder.path().join("a.txt")).unwrap();
    assert_eq!(text, drill::terminal::render(&campaign, &style));
}
