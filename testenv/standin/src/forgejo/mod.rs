//! Forgejo: health, version, repositories and the runs of its CI, as the runbooks and the runner ask for them.

mod api;
mod ini;
mod runner;
mod store;

use std::sync::Arc;

use crate::flags::Flags;
use crate::server;
use store::Store;

/// The version of the API, marked as what it is.
const VERSION: &str = "11.0.0+standin";

/// A server: what it was told and where its runs are.
struct Server {
    store: Store,
    url: String,
    token: Option<String>,
}

/// Serves until SIGTERM.
pub fn run(args: &[String]) -> Result<(), String> {
    let flags = Flags::parse(args, &["version", "quiet", "verbose"])?;
    if flags.on(&["version"]) {
        crate::console::line(&format!("forgejo version {VERSION}"));
        return Ok(());
    }
    match flags.words.first().map(String::as_str) {
        None | Some("web") => {}
        Some(other) => return Err(format!("this stand-in serves the web only, not {other}")),
    }
    let path = flags
        .get(&["config", "c"])
        .unwrap_or("custom/conf/app.ini")
        .to_owned();
    let text = std::fs::read_to_string(&path)
        .map_err(|e| format!("unable to load custom conf {path}: {}", server::reason(&e)))?;
    let ini = ini::parse(&text);
    let get = |section: &str, name: &str| {
        ini.get(&(section.to_owned(), name.to_owned()))
            .cloned()
            .filter(|value| !value.is_empty())
    };
    let host = get("server", "HTTP_ADDR").unwrap_or_else(|| "0.0.0.0".to_owned());
    // The flag wins over the file, as in the original.
    let port = flags
        .get(&["port", "p"])
        .map(str::to_owned)
        .or_else(|| get("server", "HTTP_PORT"))
        .unwrap_or_else(|| "3000".to_owned());
    let url = get("server", "ROOT_URL").unwrap_or_else(|| format!("http://localhost:{port}/"));
    let server = Server {
        store: Store::new(&get)?,
        url: url.trim_end_matches('/').to_owned(),
        token: get("standin", "API_TOKEN"),
    };
    server::serve_alone(
        &format!("{host}:{port}"),
        &format!(
            "{} ...s/graceful/server.go [I] Listen: http://{host}:{port}",
            jiff::Timestamp::now().strftime("%Y/%m/%d %H:%M:%S")
        ),
        api::router(Arc::new(server)),
    )
}
