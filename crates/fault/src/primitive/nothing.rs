//! Nothing is done: what turns red then is the harness's own fault.

use serde::Deserialize;

use crate::act::Act;

/// The negative control of a campaign.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

impl Nothing {
    pub(super) fn act(&self) -> Act {
        Act {
            words: "does nothing".to_owned(),
            on: None,
            engine: None,
            needs: ":".to_owned(),
            state: "echo untouched".to_owned(),
            keep: ":".to_owned(),
            inject: ":".to_owned(),
            effect: ":".to_owned(),
            restore: ":".to_owned(),
        }
    }
}
