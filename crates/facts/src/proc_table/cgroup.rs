//! The control groups of processes.

use runproof_model::{Observed, ReasonKind};

/// The control group and the unit it names.
pub(super) fn parse(text: &str) -> (Observed<String>, Observed<String>) {
    let mut lines: Vec<(u8, &str)> = text
        .lines()
        .filter_map(|line| {
            let mut fields = line.splitn(3, ':');
            let (number, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
            let rank = match controllers {
                "name=systemd" => 0,
                "" if number == "0" => 1,
                _ => 2,
            };
            Some((rank, path))
        })
        .collect();
    lines.sort_by_key(|(rank, _)| *rank);
    let Some((_, first)) = lines.first() else {
        return (
            Observed::unknown(ReasonKind::Garbled, "no control group"),
            Observed::unknown(ReasonKind::Garbled, "no control group"),
        );
    };
    let found = lines
        .iter()
        .filter(|(rank, _)| *rank < 2)
        .find_map(|(_, path)| unit_of(path).map(|unit| (*path, unit)));
    match found {
        Some((path, unit)) => (Observed::Known(path.to_owned()), Observed::Known(unit)),
        None => (Observed::Known((*first).to_owned()), Observed::Absent),
    }
}

/// The first component that is a unit and no slice, as systemd itself reads it.
fn unit_of(path: &str) -> Option<String> {
    const SUFFIXES: [&str; 6] = [".service", ".scope", ".socket", ".mount", ".swap", ".timer"];
    path.split('/')
        .map(|part| part.strip_prefix('_').unwrap_or(part))
        .find(|part| {
            SUFFIXES
                .iter()
                .any(|suffix| part.len() > suffix.len() && part.ends_with(suffix))
        })
        .map(str::to_owned)
}
