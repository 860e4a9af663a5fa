//! Masking what looks like a secret in text that a report may show.
//!
//! Command lines and log lines are shown to people, and some hold credentials.
//! No rule finds every secret, so this one prefers to mask too much; but paths,
//! addresses, UUIDs and versions stay readable, or nobody could use the text.

use runproof_model::{Observed, ReasonKind};

/// What stands in the place of a masked value.
pub const MASK: &str = "‹masked›";

/// The shortest word that is masked only because it looks random, in characters.
const RANDOM_LEN: usize = 24;

/// One argument of a command line, masked. Where the neighbours are known, use [`argv`].
pub fn arg(arg: &str) -> String {
    line(arg)
}

/// A whole command line, masked: the value after `--password` is an argument of its own.
pub fn argv<S: AsRef<str>>(args: &[S]) -> Vec<String> {
    let mut out = Vec::with_capacity(args.len());
    let mut next = Next::Plain;
    for (index, arg) in args.iter().enumerate() {
        let arg = arg.as_ref();
        let masked = match next {
            Next::Secret if !arg.starts_with("--") && !is_harmless(arg) => MASK.to_owned(),
            Next::UserAndPassword => user_and_password(arg),
            Next::Secret | Next::Plain => line(arg),
        };
        out.push(masked);
        next = if index == 0 { Next::Plain } else { after(arg) };
    }
    out
}

/// A line of text, masked.
pub fn line(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        if is_delimiter(c) {
            out.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        }
        let len = rest.find(is_delimiter).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(len);
        rest = one_word(word, tail, &mut out);
    }
    out
}

/// A line of a file, masked; one of a `.csv` may be `name,value`, as the platform's configuration is.
pub fn line_of(file: &str, text: &str) -> String {
    match text.split_once(',') {
        Some((name, value)) if file.ends_with(".csv") && !value.trim().is_empty() => {
            // A word of a sentence that ends with `key` says little; a name that does says enough.
            let name_says = names_a_secret(name.trim()) || strength(name.trim()) == Strength::Weak;
            let value = if name_says { MASK } else { &line(value) };
            format!("{},{value}", line(name))
        }
        _ => line(text),
    }
}

/// Whether a name says that its value is secret: `VAULT_TOKEN`, `DB_PASSWORD`.
pub fn names_a_secret(name: &str) -> bool {
    // `strength` takes a long name for none, to keep sentences readable.
    name.len() > 80 || strength(name) == Strength::Strong
}

/// A value that a suite declares plain, unless it looks like a secret: a suite may be
/// wrong about that, or hostile. Masking it would compare it with something it is not.
pub fn plain(name: &str, value: &str) -> Observed<String> {
    if line(value) == value {
        Observed::Known(value.to_owned())
    } else {
        Observed::unknown(
            ReasonKind::NotAllowed,
            format!("the value of {name} looks like a secret: declare it as one"),
        )
    }
}

/// What the next argument is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Plain,
    Secret,
    UserAndPassword,
}

/// What follows an argument such as `--password` or `-u`.
fn after(arg: &str) -> Next {
    if matches!(arg, "-u" | "--user" | "--proxy-user") {
        return Next::UserAndPassword;
    }
    let is_flag = arg.starts_with('-') && !arg.contains(['=', ' ']);
    let is_scheme = arg.eq_ignore_ascii_case("bearer") || arg.eq_ignore_ascii_case("requirepass");
    if is_scheme || is_flag && strength(arg) != Strength::None {
        Next::Secret
    } else {
        Next::Plain
    }
}

fn user_and_password(arg: &str) -> String {
    match arg.split_once(':') {
        Some((user, password)) if !is_harmless(password) && !arg.contains("://") => {
            format!("{}:{MASK}", line(user))
        }
        _ => line(arg),
    }
}

fn is_delimiter(c: char) -> bool {
    c.is_whitespace() || c.is_control() || "\"'`=,;&()[]{}<>|".contains(c)
}

/// Writes one word, and its value when its name says that the value is secret.
/// Returns what is left to do.
fn one_word<'a>(word: &str, tail: &'a str, out: &mut String) -> &'a str {
    if let Some(at) = word.find("://") {
        let (before, after) = word.split_at(at + 3);
        out.push_str(before);
        url(after, tail, out);
        // What follows an authority inside the same word has been written by `url`;
        // `?token` at its end names the value behind the `=`.
        let name = after.rsplit_once('?').map_or("", |(_, name)| name);
        return match (tail.strip_prefix('='), strength(name)) {
            (Some(value), strength @ (Strength::Strong | Strength::Weak)) => {
                mask_value(tail, value, strength, out)
            }
            (Some(_), Strength::None) | (None, _) => tail,
        };
    }
    if let Some((name, value)) = word.split_once(':')
        && !value.is_empty()
        && strength(name) == Strength::Strong
        && !is_harmless(value)
    {
        out.push_str(name);
        out.push(':');
        out.push_str(MASK);
        return skip_value(tail, None);
    }
    shapes(word, out);
    let name = word.trim_end_matches(':');
    if word.eq_ignore_ascii_case("bearer") {
        return mask_value(tail, tail, Strength::Strong, out);
    }
    let strength = strength(name);
    if strength == Strength::None {
        return tail;
    }
    // `name=value`, `name = value`, `"name": "value"`, `name: value`, `--name value`.
    let mut look = tail;
    if let Some(unquoted) = look.strip_prefix(['"', '\'', '`']) {
        look = unquoted;
    }
    let trimmed = look.trim_start_matches([' ', '\t']);
    let separated = if let Some(value) = trimmed.strip_prefix('=') {
        Some((value, strength))
    } else if let Some(value) = trimmed.strip_prefix(':') {
        Some((value, strength))
    } else if word.ends_with(':') && strength == Strength::Strong {
        Some((tail, strength))
    } else if word.starts_with('-') && trimmed.len() < look.len() {
        Some((trimmed, strength))
    } else {
        None
    };
    match separated {
        Some((value, strength)) => mask_value(tail, value, strength, out),
        None => tail,
    }
}

/// Writes what stands between `tail` and `value`, then the mask for the value;
/// returns what follows the value. `value` is a suffix of `tail`.
fn mask_value<'a>(tail: &'a str, value: &'a str, strength: Strength, out: &mut String) -> &'a str {
    let value = value.trim_start_matches([' ', '\t', '=', '>', ':']);
    let bare = value.trim_start_matches(['"', '\'', '`', '\\']);
    let lead = &tail[..tail.len() - value.len()];
    let quote = value.chars().next().filter(|c| "\"'`".contains(*c));
    let end = bare
        .find(|c: char| c.is_whitespace() || "\"'`&,;".contains(c))
        .unwrap_or(bare.len());
    let first = &bare[..end];
    let keep = first.is_empty()
        || is_harmless(first)
        || value.starts_with("--")
        || (strength == Strength::Weak && is_path(first));
    if keep {
        out.push_str(lead);
        return value;
    }
    out.push_str(lead);
    // `Authorization: Bearer x`: the scheme stays, the rest goes.
    if ["bearer", "basic", "token", "digest"]
        .iter()
        .any(|scheme| first.eq_ignore_ascii_case(scheme))
        && bare[end..].starts_with(' ')
    {
        out.push_str(&value[..value.len() - bare.len()]);
        out.push_str(first);
        out.push(' ');
        out.push_str(MASK);
        return skip_value(&bare[end + 1..], None);
    }
    match quote {
        Some(quote) => {
            out.push(quote);
            out.push_str(MASK);
            let rest = skip_value(&value[1..], Some(quote));
            if let Some(rest) = rest.strip_prefix(quote) {
                out.push(quote);
                rest
            } else {
                rest
            }
        }
        None => {
            out.push_str(MASK);
            skip_value(value, None)
        }
    }
}

/// What follows a value: up to its closing quote, or to white space, `&` or a quote.
fn skip_value(text: &str, quote: Option<char>) -> &str {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        let ends = match quote {
            Some(quote) => !escaped && c == quote,
            None => c.is_whitespace() || "\"'`&".contains(c),
        };
        if ends {
            return &text[at..];
        }
        escaped = !escaped && c == '\\';
    }
    ""
}

/// What follows `scheme://`, without its user information.
fn url(after: &str, tail: &str, out: &mut String) {
    let end = after.find(['/', '?', '#']).unwrap_or(after.len());
    let authority = &after[..end];
    // A password with a raw `/` in it: no port looks like that.
    let odd = authority
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.is_empty() && !port.bytes().all(|b| b.is_ascii_digit()))
        && !authority.starts_with('[');
    let host = match (authority.rfind('@'), after.rfind('@')) {
        (Some(_), _) if !odd || authority.contains('@') => {
            let at = authority.rfind('@').unwrap_or(0);
            Some(at)
        }
        (_, Some(at)) if odd => Some(at),
        _ => None,
    };
    match host {
        Some(at) => {
            out.push_str(MASK);
            shapes(&after[at..], out);
        }
        None if odd
            && tail.starts_with([',', ';', '&', '(', ')', '[', '{', '|', '<', '>', '=']) =>
        {
            // The word was cut inside a password.
            out.push_str(MASK);
        }
        None => shapes(after, out),
    }
}

/// Writes a word with those pieces masked that have the shape of a secret.
fn shapes(word: &str, out: &mut String) {
    // Base64 knows the slash too; the pieces between may be too short to tell.
    let joined = word.contains('/') && !word.contains("//") && !is_path(word);
    if joined && is_random(word) && !contains_uuid(word) {
        out.push_str(MASK);
        return;
    }
    let mut rest = word;
    let mut before = "";
    while !rest.is_empty() {
        let len = rest.find(is_piece_end).unwrap_or(rest.len());
        let (piece, tail) = rest.split_at(len);
        if is_token(piece)
            || (is_random(piece) && !is_digest(before, piece) && !contains_uuid(piece))
        {
            out.push_str(MASK);
        } else {
            out.push_str(piece);
        }
        before = piece;
        let mut chars = tail.chars();
        if let Some(c) = chars.next() {
            out.push(c);
        }
        rest = chars.as_str();
    }
}

fn is_piece_end(c: char) -> bool {
    "/:@~$!#%*?^\\".contains(c)
}

fn is_digest(before: &str, piece: &str) -> bool {
    matches!(before, "sha256" | "sha512") && piece.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Tokens that carry their maker's mark.
fn is_token(piece: &str) -> bool {
    let body = |prefix: &str, min: usize| {
        piece.strip_prefix(prefix).is_some_and(|body| {
            body.len() >= min
                && body
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"_-.+=".contains(&b))
        })
    };
    let marked = [
        ("hvs.", 8),
        ("hvb.", 8),
        ("hvr.", 8),
        ("s.", 20),
        ("b.", 20),
        ("r.", 20),
        ("ghp_", 16),
        ("gho_", 16),
        ("ghs_", 16),
        ("github_pat_", 16),
        ("glpat-", 12),
        ("xoxb-", 10),
        ("xoxp-", 10),
        ("xoxa-", 10),
        ("sk-", 20),
        ("AGE-SECRET-KEY-", 8),
    ];
    if marked.iter().any(|&(prefix, min)| body(prefix, min)) {
        // `s.` and its like begin many a dotted name; those have no digits.
        return !matches!(piece.as_bytes().first(), Some(b's' | b'b' | b'r'))
            || piece.as_bytes().get(1) != Some(&b'.')
            || piece.bytes().any(|b| b.is_ascii_digit());
    }
    if ["AKIA", "ASIA", "AROA"]
        .iter()
        .any(|p| piece.starts_with(p))
    {
        return piece.len() >= 16
            && piece
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    }
    // A JSON Web Token: three dotted parts, the first begins with `{"` in base64.
    piece.starts_with("eyJ") && piece.len() >= 20
}

/// Whether a word looks as if it had been drawn by lot: long, and its letters,
/// digits and cases change about as often as chance would change them.
fn is_random(word: &str) -> bool {
    word.split(|c: char| !(c.is_ascii_alphanumeric() || "+/_-".contains(c)))
        .any(|run| {
            let bytes = run.as_bytes();
            if bytes.len() < RANDOM_LEN {
                return false;
            }
            let (mut pairs, mut changes, mut digits) = (0usize, 0usize, 0usize);
            let mut uppers = 0usize;
            for pair in bytes.windows(2) {
                let (a, b) = (pair[0], pair[1]);
                digits += usize::from(b.is_ascii_digit());
                uppers = if a.is_ascii_uppercase() {
                    uppers + 1
                } else {
                    0
                };
                if !a.is_ascii_alphanumeric() || !b.is_ascii_alphanumeric() {
                    continue;
                }
                pairs += 1;
                let change = a.is_ascii_digit() != b.is_ascii_digit()
                    || (a.is_ascii_lowercase() && b.is_ascii_uppercase())
                    || (a.is_ascii_uppercase() && b.is_ascii_lowercase() && uppers >= 2);
                changes += usize::from(change);
            }
            // Four changes in ten pairs is chance; words and versions have one or two.
            let threshold = if digits >= 1 { 25 } else { 35 };
            pairs >= RANDOM_LEN / 2 && changes * 100 >= pairs * threshold
        })
}

fn contains_uuid(word: &str) -> bool {
    let bytes = word.as_bytes();
    let found = bytes.windows(36).position(is_uuid);
    found.is_some_and(|at| {
        // The rest of the word must not be random on its own.
        let (before, after) = (&bytes[..at], &bytes[at + 36..]);
        before.len().max(after.len()) < RANDOM_LEN
    })
}

fn is_uuid(bytes: &[u8]) -> bool {
    bytes.iter().enumerate().all(|(at, b)| match at {
        8 | 13 | 18 | 23 => *b == b'-',
        _ => b.is_ascii_hexdigit(),
    })
}

/// Whether a word is an absolute or relative path: its first component is a plain name.
fn is_path(word: &str) -> bool {
    let Some(rest) = ["/", "./", "../", "~/", "@/"]
        .iter()
        .find_map(|prefix| word.strip_prefix(prefix))
    else {
        return false;
    };
    let first = rest.split('/').next().unwrap_or_default();
    first.len() < RANDOM_LEN
        && !first
            .bytes()
            .any(|b| b.is_ascii_uppercase() || matches!(b, b'+' | b'='))
}

/// Values that give nothing away.
fn is_harmless(value: &str) -> bool {
    value.is_empty()
        || value == MASK
        || [
            "true", "false", "yes", "no", "on", "off", "none", "null", "set", "unset",
        ]
        .iter()
        .any(|word| value.eq_ignore_ascii_case(word))
}

/// How surely a name announces a secret.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strength {
    None,
    /// `key`, `auth`: a value that is a path is only where the secret lies.
    Weak,
    Strong,
}

fn strength(name: &str) -> Strength {
    const INSIDE: [&str; 10] = [
        "password",
        "passwd",
        "passphrase",
        "secret",
        "apikey",
        "api_key",
        "api-key",
        "credential",
        "accesskey",
        "privatekey",
    ];
    if name.len() > 80 || name.is_empty() {
        return Strength::None;
    }
    let name = name.trim_start_matches('-').to_ascii_lowercase();
    let parts = || name.split(['_', '-', '.', '/']);
    let last = parts().next_back().unwrap_or_default();
    let points_at_a_file = matches!(
        last,
        "file" | "path" | "dir" | "ttl" | "url" | "name" | "id"
    );
    let strong = INSIDE.iter().any(|word| name.contains(word))
        || name.ends_with("token")
        || name.ends_with("pass")
        || name.ends_with("authorization")
        || parts()
            .any(|part| matches!(part, "token" | "tokens" | "pwd" | "pass" | "pw" | "cookie"));
    if strong && points_at_a_file {
        Strength::Weak
    } else if strong && name != "tokens" && !name.ends_with("_tokens") {
        Strength::Strong
    } else if name.ends_with("key") || matches!(last, "auth" | "keys" | "sig" | "signature") {
        Strength::Weak
    } else {
        Strength::None
    }
}

#[cfg(test)]
mod tests;
