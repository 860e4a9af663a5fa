//! Files in the form of interfaces(5), which ifupdown reads.

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    /// Its `iface` stanzas, in order.
    pub stanzas: Vec<Stanza>,
    /// Names brought up at boot or when they appear.
    pub auto: Vec<String>,
    /// Arguments of `source` and `source-directory`.
    pub sources: Vec<String>,
}

/// An `iface` stanza.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stanza {
    /// The interface.
    pub name: String,
    /// The address family, when it says one.
    pub family: Option<String>,
    /// The method, when it says one.
    pub method: Option<String>,
    /// Options and their values, in order.
    pub options: Vec<(String, String)>,
    /// Line of the stanza, counted from 1.
    pub line: u32,
}

impl Stanza {
    /// The value of an option; of several, the last.
    pub fn option(&self, name: &str) -> Option<String> {
        self.options
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
    }
}

/// Reads a file. A line that ends with a backslash goes on; a comment fills its line.
/// The error says which line makes no sense.
pub fn parse(text: &str) -> Result<File, String> {
    let mut file = File::default();
    // Options of `mapping` and other stanzas belong to nothing that we keep.
    let mut in_iface = false;
    let mut in_other = false;
    for (number, line) in logical_lines(text) {
        let mut words = line.split_ascii_whitespace();
        let Some(keyword) = words.next() else {
            continue;
        };
        let mut rest = words.map(str::to_owned);
        match keyword {
            "iface" => {
                let name = rest
                    .next()
                    .ok_or_else(|| format!("line {number}: iface names no interface"))?;
                let mut family = rest.next();
                let mut method = rest.next();
                if family.as_deref() == Some("inherits") {
                    (family, method) = (None, None);
                }
                file.stanzas.push(Stanza {
                    name,
                    family,
                    method,
                    options: Vec::new(),
                    line: number,
                });
                (in_iface, in_other) = (true, false);
            }
            "auto" => {
                file.auto.extend(rest);
                (in_iface, in_other) = (false, false);
            }
            keyword if keyword.starts_with("allow-") => {
                if matches!(keyword, "allow-auto" | "allow-hotplug") {
                    file.auto.extend(rest);
                }
                (in_iface, in_other) = (false, false);
            }
            "source" | "source-directory" | "source-dir" => {
                file.sources.extend(rest);
                (in_iface, in_other) = (false, false);
            }
            "mapping" | "template" | "rename" => (in_iface, in_other) = (false, true),
            "no-auto-down" | "no-scripts" => (in_iface, in_other) = (false, false),
            option if in_iface => {
                let value = line.trim_start()[option.len()..].trim().to_owned();
                if let Some(stanza) = file.stanzas.last_mut() {
                    stanza.options.push((option.to_owned(), value));
                }
            }
            _ if in_other => {}
            other => return Err(format!("line {number}: {other} stands in no stanza")),
        }
    }
    Ok(file)
}

/// Lines with their numbers, continued ones joined, comments and blank ones left out.
fn logical_lines(text: &str) -> Vec<(u32, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(u32, String)> = None;
    let mut number = 0_u32;
    for line in text.lines() {
        number = number.saturating_add(1);
        if open.is_none() && line.trim_start().starts_with('#') {
            continue;
        }
        let (part, goes_on) = match line.strip_suffix('\\') {
            Some(part) => (part, true),
            None => (line, false),
        };
        let (_, joined) = open.get_or_insert_with(|| (number, String::new()));
        joined.push_str(part);
        if !goes_on {
            lines.extend(open.take());
        }
    }
    lines.extend(open);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_usual_file_is_read() {
        let text = "# loopback\nauto lo\niface lo inet loopback\n\nallow-hotplug eth0\niface eth0 inet static\n\taddress 10.0.2.5\n\tnetmask 255.255.255.0\n\tgateway 10.0.2.1\n\tup ip route add 10.9.0.0/16 \\\n\t   via 10.0.2.2\niface eth0 inet6 auto\nsource /etc/network/interfaces.d/*\nmapping eth1\n  script x\n";
        let file = parse(text).unwrap();
        assert_eq!(file.auto, ["lo", "eth0"]);
        assert_eq!(file.sources, ["/etc/network/interfaces.d/*"]);
        assert_eq!(file.stanzas.len(), 3);
        let eth0 = &file.stanzas[1];
        assert_eq!((eth0.line, eth0.method.as_deref()), (6, Some("static")));
        assert_eq!(eth0.option("gateway").as_deref(), Some("10.0.2.1"));
        assert!(eth0.option("up").unwrap().contains("via 10.0.2.2"));
        assert_eq!(file.stanzas[2].family.as_deref(), Some("inet6"));
    }

    #[test]
    fn a_line_in_no_stanza_is_an_error() {
        assert!(parse("address 10.0.2.5\n").unwrap_err().contains("line 1"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(iface eth0 inet static\n)?([a-z#\\\\ \té.-]{0,20}\n){0,5}") {
            let _ = parse(&text);
        }
    }
}
