//! "Did you mean …?"

/// The candidate nearest to a misspelt name, as help.
pub(super) fn did_you_mean<'a>(
    name: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<String> {
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= 1 + name.len().min(candidate.len()) / 4
                || (name.len() > 3 && candidate.contains(name))
        })
        .min()
        .map(|(_, candidate)| format!("did you mean `{candidate}`?"))
}

/// Some of the names that could have been written, as help.
pub(super) fn there_are<'a>(candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    let names: Vec<&str> = candidates.collect();
    let shown = names.get(..names.len().min(12))?.join(", ");
    let more = if names.len() > 12 { ", …" } else { "" };
    (!names.is_empty()).then(|| format!("there are: {shown}{more}"))
}
