//! The drive monitor of one bot: what changed in its bucket is taken in.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Client;

use super::bot::{self, Bot};
use super::bucket::Entry;
use super::compiler::{self, Trouble};
use super::config_csv;
use super::drive_files::{self, MOST_FAILURES, Seen};
use super::start::State;

/// The monitor of one bot.
pub struct Monitor {
    state: Arc<State>,
    bot: Bot,
    /// What was compiled since the start, by key: its ETag, and whether it could be.
    compiled: HashMap<String, (Option<String>, bool)>,
    started: bool,
}

impl Monitor {
    pub fn new(state: Arc<State>, bot: Bot) -> Self {
        Self {
            state,
            bot,
            compiled: HashMap::new(),
            started: false,
        }
    }

    /// Scans for ever.
    pub async fn run(mut self) {
        loop {
            if let Err(error) = self.scan().await {
                let bucket = self.bot.bucket();
                self.error(&format!("Failed to scan bucket {bucket}: {error}"));
            }
            if !self.started {
                self.started = true;
                // One session a start, so that what the start script leaves in the cache can be looked at.
                self.state.begin(&self.bot, None).await;
            }
            let pause = Duration::from_secs(self.state.environment.scan_interval);
            tokio::time::sleep(pause).await;
        }
    }

    async fn scan(&mut self) -> Result<(), String> {
        let bucket = self.bot.bucket();
        let begin = std::time::Instant::now();
        // Said at every scan: that a log has gone quiet is how operators know of a monitor that hangs.
        self.info(&format!("DriveMonitor: Starting scan of bucket {bucket}"));
        let entries = match self.state.storage.list(&bucket).await {
            Ok(entries) => entries,
            Err(error) => {
                self.error(&format!("Failed to list objects in {bucket}: {error}"));
                return Ok(());
            }
        };
        let count = entries.len();
        self.info(&format!("Found {count} objects in bucket {bucket}"));
        let client = self.state.database.get().await?;
        let seen = drive_files::of(&client, &self.bot).await?;
        for entry in entries.iter().filter(|entry| !entry.key.ends_with('/')) {
            let path = format!("{bucket}/{}", entry.key);
            self.take(&client, entry, &path, seen.get(&path)).await?;
        }
        for path in seen.keys() {
            let key = path.strip_prefix(&format!("{bucket}/"));
            if key.is_some_and(|key| !entries.iter().any(|entry| entry.key == key)) {
                self.info(&format!("File deleted from S3: {path} (was in DB)"));
                drive_files::forget(&client, &self.bot, path).await?;
            }
        }
        let took = begin.elapsed();
        self.info(&format!(
            "DriveMonitor: Completed scan of {bucket} in {took:.2?}"
        ));
        Ok(())
    }

    async fn take(
        &mut self,
        client: &Client,
        entry: &Entry,
        path: &str,
        seen: Option<&Seen>,
    ) -> Result<(), String> {
        let kind = kind(&entry.key);
        let changed = seen.is_none_or(|seen| seen.etag != entry.etag);
        if changed {
            if seen.is_some_and(|seen| seen.indexed) {
                self.info(&format!("ETag changed for {path}, will reindex"));
            }
            let etag = entry.etag.as_deref();
            drive_files::upsert(client, &self.bot, path, kind, etag).await?;
            let text = format!("DriveMonitor: Added/updated drive_files for: {path} ({kind})");
            self.info(&text);
        }
        let tired = !changed && seen.is_some_and(|seen| seen.failures >= MOST_FAILURES);
        let fresh = changed || seen.is_some_and(|seen| !seen.indexed);
        let taken = match kind {
            "config" if fresh && !tired => self.configure(client, &entry.key).await,
            "bas" if !tired && (fresh || self.stale(entry)) => self.compile(entry).await,
            _ => return Ok(()),
        };
        match taken {
            Ok(()) => drive_files::indexed(client, &self.bot, path).await,
            Err(error) => {
                self.error(&error);
                drive_files::failed(client, &self.bot, path).await
            }
        }
    }

    async fn configure(&self, client: &Client, key: &str) -> Result<(), String> {
        let (bucket, name) = (self.bot.bucket(), &self.bot.name);
        let text = self.state.storage.text(&bucket, key).await;
        let text =
            text.map_err(|e| format!("Failed to download config.csv from {bucket}/{key}: {e}"))?;
        for (key, value) in config_csv::entries(&text) {
            bot::configure(client, &self.bot, key, value)
                .await
                .map_err(|e| format!("Failed to set config {key}={value} for bot {name}: {e}"))?;
            // The original writes values into its log, secrets among them.
            self.info(&format!("Synced config {key}={value} for bot {name}"));
        }
        Ok(())
    }

    /// A start compiles everything anew, and so does a compiled script that somebody removed.
    fn stale(&self, entry: &Entry) -> bool {
        let Some((etag, good)) = self.compiled.get(&entry.key) else {
            return true;
        };
        let folder = compiler::folder(&self.state.environment.work, &self.bot);
        let name = entry.key.rsplit('/').next().unwrap_or_default();
        let there = folder.join(name).with_extension("ast").exists();
        *etag != entry.etag || (*good && !there)
    }

    async fn compile(&mut self, entry: &Entry) -> Result<(), String> {
        let (bucket, key) = (self.bot.bucket(), &entry.key);
        let script = self.state.storage.text(&bucket, key).await;
        let script =
            script.map_err(|e| format!("Failed to download .bas from {bucket}/{key}: {e}"))?;
        let result = compiler::compile(&self.state.environment.work, &self.bot, key, &script);
        let note = (entry.etag.clone(), result.is_ok());
        self.compiled.insert(key.clone(), note);
        match result {
            Ok(_) => {
                self.info(&format!(
                    "DriveCompiler: {bucket}/{key} compiled successfully"
                ));
                Ok(())
            }
            Err(Trouble::Line(line)) => Err(format!(
                "Failed to compile {bucket}/{key}: unterminated string at line {line}"
            )),
            Err(Trouble::Io(error)) => Err(format!("Failed to compile {bucket}/{key}: {error}")),
        }
    }

    fn info(&self, text: &str) {
        self.state.journal.info("monitor", text);
    }

    fn error(&self, text: &str) {
        self.state.journal.error("monitor", text);
    }
}

fn kind(key: &str) -> &'static str {
    let knowledge = [
        ".txt", ".md", ".pdf", ".xlsx", ".docx", ".csv", ".html", ".json",
    ];
    let extension = |one: &&str| key.to_lowercase().ends_with(*one);
    if key.ends_with(".bas") {
        "bas"
    } else if key.contains(".gbkb/") && knowledge.iter().any(extension) {
        "kb"
    } else if key.contains(".gbot/") && key.ends_with("config.csv") {
        "config"
    } else {
        "other"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_folder_and_its_name() {
        assert_eq!(kind("demo.gbdialog/start.bas"), "bas");
        assert_eq!(kind("demo.gbot/config.csv"), "config");
        assert_eq!(kind("demo.gbkb/faq/a.PDF"), "kb");
        assert_eq!(kind("config.csv"), "other");
    }
}
