//! `--jobs`, `--timeout`, `--deadline`, `--plan`: how the site is looked at.

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::Args;

use super::duration::duration;

/// How the site is looked at.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "How to look")]
pub struct LookOptions {
    /// Look at no more than this many nodes at once [default: all]
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// Give each probe of a node this long: 500ms, 10s, 1m30s
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub timeout: Duration,
    /// Stop the whole run after this long; what is not done by then is an error [default: none]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub deadline: Option<Duration>,
    /// Print exactly what would run, where and as whom; run nothing
    #[arg(long)]
    pub plan: bool,
}
