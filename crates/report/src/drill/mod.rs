//! How a campaign of drills is shown; one file a format. JSON is [`crate::json::to_string`] of it.

pub mod html;
pub mod junit;
mod notes;
pub mod terminal;

#[cfg(test)]
mod sample;

#[cfg(test)]
mod tests {
    use super::sample;

    #[test]
    fn the_json_of_a_campaign_looks_like_this() {
        let json = crate::json::to_string(&sample::campaign()).unwrap();
        let read: runproof_model::Campaign = serde_json::from_str(&json).unwrap();
        assert_eq!(read, sample::campaign());
        insta::assert_snapshot!(json);
    }
}
