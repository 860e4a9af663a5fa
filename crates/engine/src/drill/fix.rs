//! The documented fix: is it needed, does it mend, is it harmless when it is run twice.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use runproof_fault::{FaultError, Held};
use runproof_suite::BoundScenario;
use serde::Deserialize;

use super::row::{FixProof, Row};
use super::sight::Sight;
use super::{GREEN_TIME, PAUSE};

/// A fix as a suite writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fix {
    /// The documented commands, run as written.
    #[serde(default)]
    pub run: Vec<String>,
    /// The role of the node in which they are run, when it is not the broken one.
    pub on: Option<String>,
    /// Why there is none that could be run.
    pub none: Option<String>,
}

impl Fix {
    /// The fix of a scenario.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(scenario: &BoundScenario) -> Result<Self, String> {
        match &scenario.fix {
            None => Ok(Self {
                none: Some("nothing is documented".to_owned()),
                ..Self::default()
            }),
            Some(fix) => serde_json::from_value(fix.clone())
                .map_err(|error| format!("the fix cannot be read: {error}")),
        }
    }

    /// Runs it, and tells what that proves.
    pub(super) async fn prove(
        &self,
        held: &mut Held,
        scenario: &BoundScenario,
        sight: &Sight<'_>,
        row: &mut Row,
        stays: Duration,
    ) -> Result<FixProof, FaultError> {
        if let Some(why) = &self.none {
            return Ok(FixProof::None(why.clone()));
        }
        // Without it: still red after a while?
        sight.wait(stays).await;
        let bad = sight.bad(&scenario.turns_red).await;
        if !scenario.turns_red.iter().all(|id| bad.contains_key(id)) {
            return Ok(FixProof::Unneeded(
                "it turned green before the fix was run".to_owned(),
            ));
        }
        let role = self.on.as_deref().unwrap_or(&scenario.role);
        let started = Instant::now();
        let mut last = String::new();
        for turn in 1..=2 {
            let said = held.fix(role, &self.run).await?;
            if let Some((command, said)) = self.run.iter().zip(&said).find(|(_, s)| s.code != 0) {
                let error = said.error.lines().last().unwrap_or_default();
                last = format!("`{command}` ended with {}: {error}", said.code);
            }
            let green = sight
                .until(&scenario.turns_red, GREEN_TIME, PAUSE, BTreeMap::is_empty)
                .await;
            if !green {
                let bad = sight.bad(&scenario.turns_red).await;
                let red = bad.into_keys().collect::<Vec<_>>().join(", ");
                return Ok(FixProof::Failed(if turn == 1 {
                    format!("still red: {red}. {last}").trim_end().to_owned()
                } else {
                    format!("red after it was run a second time: {red}. {last}")
                        .trim_end()
                        .to_owned()
                }));
            }
            if turn == 1 {
                row.times.green_s = Some(started.elapsed().as_secs_f64());
            }
        }
        // A consequence may outlive its cause, as a line in a log does: that is told, and no failure.
        let left = sight.bad(&scenario.cascades).await;
        row.left = left.into_keys().collect();
        Ok(FixProof::Proven)
    }
}
