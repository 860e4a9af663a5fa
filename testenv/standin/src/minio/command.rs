//! The command line and the credentials of the environment.

use super::server;
use crate::log;

/// The root user when the environment names none, as MinIO's documentation has it.
const DEFAULT: &str = "minioadmin";

/// Where to serve what.
pub struct Command {
    pub folder: String,
    pub address: String,
    pub console: Option<String>,
}

/// The root user and its password.
pub struct Credentials {
    pub user: String,
    pub password: String,
}

/// Serves until the end of the world.
pub fn run(args: &[String]) -> Result<(), String> {
    if args.iter().any(|arg| arg == "--version" || arg == "-v") {
        crate::say(&format!(
            "minio version {} (a stand-in of runproof)",
            env!("CARGO_PKG_VERSION")
        ));
        return Ok(());
    }
    let command = Command::parse(args)?;
    let credentials = Credentials::from(|name| std::env::var(name).ok())?;
    if credentials.user == DEFAULT && credentials.password == DEFAULT {
        log::write(
            "warn",
            "minio",
            "Detected default credentials, change them with MINIO_ROOT_USER and MINIO_ROOT_PASSWORD",
        );
    }
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| e.to_string())?
        .block_on(server::serve(&command, credentials))
}

impl Command {
    fn parse(args: &[String]) -> Result<Self, String> {
        let mut rest = args.iter().map(String::as_str);
        if rest.next() != Some("server") {
            return Err("minio knows one command here: server DIR".to_owned());
        }
        let (mut folder, mut address, mut console) = (None, ":9000".to_owned(), None);
        while let Some(arg) = rest.next() {
            let (name, joined) = match arg.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (arg, None),
            };
            match name {
                "--address" | "--console-address" => {
                    let value = joined
                        .or_else(|| rest.next().map(str::to_owned))
                        .ok_or_else(|| format!("{name} needs a value"))?;
                    if name == "--address" {
                        address = value;
                    } else {
                        console = Some(value);
                    }
                }
                "--quiet" | "--json" | "--anonymous" => {}
                flag if flag.starts_with('-') => return Err(format!("no such flag: {flag}")),
                _ if folder.is_none() => folder = Some(arg.to_owned()),
                _ => return Err("one folder only: this is no cluster".to_owned()),
            }
        }
        Ok(Self {
            folder: folder.ok_or("server needs the folder of its data")?,
            address: socket(&address),
            console: console.as_deref().map(socket),
        })
    }
}

impl Credentials {
    fn from(read: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let user = read("MINIO_ROOT_USER").unwrap_or_else(|| DEFAULT.to_owned());
        let password = read("MINIO_ROOT_PASSWORD").unwrap_or_else(|| DEFAULT.to_owned());
        if user.len() < 3 || password.len() < 8 {
            return Err(
                "Unable to validate credentials inherited from the shell environment: the user \
                 needs at least 3 characters, the password at least 8"
                    .to_owned(),
            );
        }
        Ok(Self { user, password })
    }
}

/// `:9100` means every address, as in Go.
fn socket(address: &str) -> String {
    match address.strip_prefix(':') {
        Some(port) => format!("0.0.0.0:{port}"),
        None => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, String> {
        Command::parse(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn the_documented_command_line_is_understood() {
        let command = parse("server /data --address :9100 --console-address=:9001").unwrap();
        assert_eq!(command.folder, "/data");
        assert_eq!(command.address, "0.0.0.0:9100");
        assert_eq!(command.console.as_deref(), Some("0.0.0.0:9001"));
        assert_eq!(parse("server /data").unwrap().address, "0.0.0.0:9000");
    }

    #[test]
    fn a_command_line_that_means_nothing_is_refused() {
        for line in [
            "gateway",
            "server",
            "server /data --address",
            "server /data --bogus",
            "server /a /b",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_short_password_stops_the_start() {
        let short = |name: &str| {
            Some(
                if name.ends_with("USER") {
                    "root"
                } else {
                    "short"
                }
                .into(),
            )
        };
        assert!(Credentials::from(short).is_err());
        assert_eq!(Credentials::from(|_| None).unwrap().user, "minioadmin");
    }
}
