//! Tables as the original draws them.

use serde_json::{Map, Value};

use crate::console;

/// Names and values, with a head.
pub fn draw(rows: &[(String, String)]) {
    console::text(&text(rows));
}

fn text(rows: &[(String, String)]) -> String {
    let width = rows
        .iter()
        .map(|(name, _)| name.len())
        .chain([3])
        .max()
        .unwrap_or(3);
    let mut text = format!("{:width$}    Value\n{:width$}    -----\n", "Key", "---");
    for (name, value) in rows {
        text.push_str(&format!("{name:width$}    {value}\n"));
    }
    text
}

/// The members of an object, in the order of their names.
pub fn rows(object: &Map<String, Value>) -> Vec<(String, String)> {
    object
        .iter()
        .map(|(name, value)| (name.clone(), cell(value)))
        .collect()
}

/// A value in a table.
pub fn cell(value: &Value) -> String {
    if value.is_null() {
        return "<nil>".to_owned();
    }
    if let Some(list) = value.as_array() {
        let items: Vec<String> = list.iter().map(cell).collect();
        return format!("[{}]", items.join(" "));
    }
    if let Some(object) = value.as_object() {
        let items: Vec<String> = object
            .iter()
            .map(|(name, item)| format!("{name}:{}", cell(item)))
            .collect();
        return format!("map[{}]", items.join(" "));
    }
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// A title over a table: `=== Data ===`, as wide as the table's first column.
pub fn title(title: &str, rows: &[(String, String)]) {
    let width = rows
        .iter()
        .map(|(name, value)| name.len() + 4 + value.len())
        .chain(["Key    Value".len()])
        .max()
        .unwrap_or_default();
    let sides = width.saturating_sub(title.len() + 2).max(2);
    let left = "=".repeat(sides / 2);
    let right = "=".repeat(sides - sides / 2);
    console::line(&format!("{left} {title} {right}"));
}

/// One column.
pub fn list(values: &[String], head: Option<&str>) {
    if let Some(head) = head {
        console::line(head);
        console::line(&"-".repeat(head.len()));
    }
    for value in values {
        console::line(value);
    }
}

/// JSON as `-format=json` prints it.
pub fn json(value: &Value) {
    console::line(&serde_json::to_string_pretty(value).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_line_up_and_what_is_null_says_so() {
        let rows = rows(
            json!({ "a": null, "longer": ["x", "y"] })
                .as_object()
                .unwrap(),
        );
        assert_eq!(
            text(&rows),
            "Key       Value\n---       -----\na         <nil>\nlonger    [x y]\n"
        );
    }
}
