//! `vault status` and `vault operator`: the seal.

use serde_json::{Value, json};

use super::{Fail, Outcome, Session, table};
use crate::console;

/// Shows the seal: 0 when open, 2 when sealed, 1 when nobody could be asked.
pub async fn status(session: &Session) -> Outcome {
    let status = session
        .client
        .need("GET", "sys/seal-status", None, "Error checking seal status")
        .await
        .map_err(|fail| Fail::usage(fail.message))?;
    show(session, &status);
    Ok(if status["sealed"] == Value::Bool(false) {
        0
    } else {
        2
    })
}

/// `init`, `unseal`, `seal`.
pub async fn run(session: &Session, command: &str, rest: &[&str]) -> Outcome {
    match (command, rest) {
        ("init", []) => init(session).await,
        ("unseal", [key]) => unseal(session, key).await,
        ("unseal", []) if session.flags.on(&["reset"]) => unseal(session, "").await,
        ("unseal", []) => {
            let mut key = String::new();
            std::io::stdin()
                .read_line(&mut key)
                .map_err(|e| Fail::usage(e.to_string()))?;
            unseal(session, key.trim()).await
        }
        ("seal", []) => {
            session
                .client
                .need("PUT", "sys/seal", None, "Error sealing")
                .await?;
            console::line("Success! Vault is sealed.");
            Ok(0)
        }
        _ => Err(Fail::usage("Usage: vault operator init|unseal|seal")),
    }
}

async fn init(session: &Session) -> Outcome {
    if session.flags.on(&["status"]) {
        let answer = session
            .client
            .need("GET", "sys/init", None, "Error checking init status")
            .await?;
        let yes = answer["initialized"] == Value::Bool(true);
        console::line(if yes {
            "Vault is initialized"
        } else {
            "Vault is not initialized"
        });
        return Ok(if yes { 0 } else { 2 });
    }
    let number = |name: &str, default: u64| match session.flags.get(&[name]) {
        Some(text) => text
            .parse()
            .map_err(|_| Fail::usage(format!("invalid value {text:?} for flag -{name}"))),
        None => Ok(default),
    };
    let (shares, threshold) = (number("key-shares", 5)?, number("key-threshold", 3)?);
    let body = json!({ "secret_shares": shares, "secret_threshold": threshold });
    let keys = session
        .client
        .need("PUT", "sys/init", Some(&body), "Error initializing")
        .await?;
    let list = |name: &str| keys[name].as_array().cloned().unwrap_or_default();
    if session.json {
        table::json(&json!({
            "unseal_keys_b64": list("keys_base64"),
            "unseal_keys_hex": list("keys"),
            "unseal_shares": shares,
            "unseal_threshold": threshold,
            "recovery_keys_b64": [],
            "recovery_keys_hex": [],
            "recovery_keys_shares": 0,
            "recovery_keys_threshold": 0,
            "root_token": keys["root_token"],
        }));
        return Ok(0);
    }
    for (at, key) in list("keys_base64").iter().enumerate() {
        console::line(&format!("Unseal Key {}: {}", at + 1, table::cell(key)));
    }
    console::line(&format!(
        "\nInitial Root Token: {}\n",
        table::cell(&keys["root_token"])
    ));
    console::line(&format!(
        "Vault initialized with {shares} key shares and a key threshold of {threshold}. It comes up sealed:\nat least {threshold} of these keys open it, and nothing else does."
    ));
    Ok(0)
}

async fn unseal(session: &Session, key: &str) -> Outcome {
    let body = if session.flags.on(&["reset"]) {
        json!({ "reset": true })
    } else {
        json!({ "key": key })
    };
    let status = session
        .client
        .need("PUT", "sys/unseal", Some(&body), "Error unsealing")
        .await?;
    show(session, &status);
    Ok(0)
}

fn show(session: &Session, status: &Value) {
    if session.json {
        table::json(status);
        return;
    }
    let mut rows: Vec<(String, String)> = [
        ("Seal Type", "type"),
        ("Initialized", "initialized"),
        ("Sealed", "sealed"),
        ("Total Shares", "n"),
        ("Threshold", "t"),
    ]
    .iter()
    .map(|(title, name)| ((*title).to_owned(), table::cell(&status[*name])))
    .collect();
    if status["sealed"] == Value::Bool(true) && status["initialized"] == Value::Bool(true) {
        let progress = format!(
            "{}/{}",
            table::cell(&status["progress"]),
            table::cell(&status["t"])
        );
        rows.push(("Unseal Progress".to_owned(), progress));
        let nonce = status["nonce"].as_str().filter(|nonce| !nonce.is_empty());
        rows.push(("Unseal Nonce".to_owned(), nonce.unwrap_or("n/a").to_owned()));
    }
    for (title, name) in [
        ("Version", "version"),
        ("Build Date", "build_date"),
        ("Storage Type", "storage_type"),
        ("Cluster Name", "cluster_name"),
        ("Cluster ID", "cluster_id"),
    ] {
        if let Some(value) = status.get(name) {
            rows.push((title.to_owned(), table::cell(value)));
        }
    }
    rows.push(("HA Enabled".to_owned(), "false".to_owned()));
    table::draw(&rows);
}
