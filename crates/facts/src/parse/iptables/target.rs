//! What a rule does with a packet that fits.

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The packet passes this table.
    Accept,
    /// The packet is gone.
    Drop,
    /// The packet is gone and its sender is told.
    Reject,
    /// Back to the calling chain.
    Return,
    /// Into a chain, and back after it.
    Jump(usize),
    /// Into a chain, and not back here.
    Goto(usize),
    /// Something that does not decide: logging, counting, or nothing at all.
    Continue,
    /// Changes the packet's mark.
    Mark(MarkOp),
    /// Changes the mark of its connection.
    ConnMark(MarkOp),
    /// The connection takes the packet's mark.
    SaveMark,
    /// The packet takes the connection's mark.
    RestoreMark,
    /// The connection is not tracked.
    Untrack,
    /// The destination becomes another: DNAT, REDIRECT, NETMAP, TPROXY.
    Redirect,
    /// The source becomes another: SNAT, MASQUERADE.
    Disguise,
    /// A program, or something that we do not know, decides.
    Elsewhere(String),
}

/// `mark = (mark & keep) ^ flip`; none of it known for an operation that we do not follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkOp {
    /// The bits that stay.
    pub keep: u32,
    /// The bits that turn around then.
    pub flip: u32,
}

/// Targets that let the packet go on to the next rule.
const PASSING: &[&str] = &[
    "LOG",
    "ULOG",
    "NFLOG",
    "AUDIT",
    "TRACE",
    "TOS",
    "DSCP",
    "TTL",
    "HL",
    "CLASSIFY",
    "SECMARK",
    "CONNSECMARK",
    "TCPMSS",
    "TCPOPTSTRIP",
    "CHECKSUM",
    "ECN",
    "SET",
    "IDLETIMER",
    "LED",
    "RATEEST",
    "TEE",
    "HMARK",
    "ACCOUNT",
    "SYSRQ",
    "LOGMARK",
    "IPMARK",
    "ECHO",
];

/// The value that follows an option in a target's words.
fn value<'a>(options: &'a [String], name: &str) -> Option<&'a str> {
    let at = options.iter().position(|word| word == name)?;
    options.get(at + 1).map(String::as_str)
}

fn has(options: &[String], name: &str) -> bool {
    options.iter().any(|word| word == name)
}

impl Target {
    /// A target that is no chain, from its name and the words after it. None stands for
    /// an operation on marks whose outcome we do not follow.
    pub fn known(name: &str, options: &[String]) -> Self {
        match name {
            "ACCEPT" => Self::Accept,
            "DROP" | "TARPIT" | "STEAL" => Self::Drop,
            "REJECT" => Self::Reject,
            "RETURN" => Self::Return,
            "DNAT" | "REDIRECT" | "NETMAP" | "TPROXY" | "MIRROR" | "SAME" | "DNPT" => {
                Self::Redirect
            }
            "SNAT" | "MASQUERADE" | "SNPT" => Self::Disguise,
            "NOTRACK" => Self::Untrack,
            "CT" if has(options, "--notrack") => Self::Untrack,
            "CT" => Self::Continue,
            "MARK" => mark(options).map_or_else(|| Self::elsewhere(name), Self::Mark),
            "CONNMARK" => {
                let masked = options.iter().any(|word| word.ends_with("mask"));
                let full = ["--nfmask", "--ctmask", "--mask"]
                    .iter()
                    .filter_map(|name| value(options, name))
                    .all(|mask| number(mask) == Some(u32::MAX));
                if has(options, "--save-mark") && (!masked || full) {
                    Self::SaveMark
                } else if has(options, "--restore-mark") && (!masked || full) {
                    Self::RestoreMark
                } else {
                    mark(options).map_or_else(|| Self::elsewhere(name), Self::ConnMark)
                }
            }
            name if PASSING.contains(&name) => Self::Continue,
            name => Self::elsewhere(name),
        }
    }

    fn elsewhere(name: &str) -> Self {
        Self::Elsewhere(name.to_owned())
    }
}

/// The operation of MARK or CONNMARK.
fn mark(options: &[String]) -> Option<MarkOp> {
    let masked = |word: &str| -> Option<(u32, u32)> {
        match word.split_once('/') {
            Some((v, m)) => Some((number(v)?, number(m)?)),
            None => Some((number(word)?, u32::MAX)),
        }
    };
    if let Some(word) = value(options, "--set-xmark") {
        let (v, m) = masked(word)?;
        return Some(MarkOp { keep: !m, flip: v });
    }
    if let Some(word) = value(options, "--set-mark") {
        let (v, m) = masked(word)?;
        return Some(MarkOp {
            keep: !(m | v),
            flip: v,
        });
    }
    if let Some(word) = value(options, "--or-mark") {
        let v = number(word)?;
        return Some(MarkOp { keep: !v, flip: v });
    }
    if let Some(word) = value(options, "--and-mark") {
        return Some(MarkOp {
            keep: number(word)?,
            flip: 0,
        });
    }
    let word = value(options, "--xor-mark")?;
    Some(MarkOp {
        keep: u32::MAX,
        flip: number(word)?,
    })
}

/// A number as strtoul takes it: decimal, octal after `0`, hexadecimal after `0x`.
pub fn number(word: &str) -> Option<u32> {
    let lower = word.to_ascii_lowercase();
    if let Some(hex) = lower.strip_prefix("0x") {
        u32::from_str_radix(hex, 16).ok()
    } else if lower.len() > 1 && lower.starts_with('0') {
        u32::from_str_radix(&lower, 8).ok()
    } else {
        lower.parse().ok()
    }
}
