//! What must not reach the outbox: user info in addresses, and values under names that secrets go by.
//!
//! For: everything that `outbox` writes. Secrets belong into MLflow's environment variables, which are never read here;
//! this is for those that are written into pipeline.yaml all the same.

use serde_json::Value;

use crate::address;

/// What stands in place of a secret.
const WITHHELD: &str = "***";

/// Parts of names under which secrets are kept.
const NAMES: [&str; 8] = ["password", "passwd", "secret", "token", "credential", "api_key", "apikey", "access_key"];

/// A param's value without secrets; `name` is the key it stands under.
pub(super) fn without_secrets(name: &str, value: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) => value.clone(),
        _ if is_secret(name) => Value::from(WITHHELD),
        Value::Object(object) => {
            Value::Object(object.iter().map(|(key, value)| (key.clone(), without_secrets(key, value))).collect())
        }
        Value::Array(items) => items.iter().map(|item| without_secrets(name, item)).collect(),
        Value::String(text) if address::is_address(text) => Value::from(address::shown(text)),
        Value::String(text) => Value::from(address::without_user_info(text)),
        Value::Number(_) => value.clone(),
    }
}

/// The text of a YAML file without secrets; everything else stays as it is, comments too.
pub(super) fn yaml_without_secrets(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(line_without_secret).collect();
    address::without_user_info(&lines.join("\n"))
}

fn line_without_secret(line: &str) -> String {
    match line.split_once(':') {
        Some((name, value)) if is_secret(name) && !value.trim().is_empty() => format!("{name}: \"{WITHHELD}\""),
        _ => line.to_owned(),
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    NAMES.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_under_secret_names_and_user_info_are_withheld_at_any_depth() {
        let value = json!({
            "url": "https://ana:pw@host/x.zip?sig=abc", "k": 4, "list": ["http://t@h/", { "Api-Key": "123" }],
            "password": null, "db_password": "pw", "text": "see http://u:p@h and go",
        });
        let expected = json!({
            "url": "https://host/x.zip", "k": 4, "list": ["http://h/", { "Api-Key": "***" }],
            "password": null, "db_password": "***", "text": "see http://h and go",
        });
        assert_eq!(without_secrets("params", &value), expected);
    }

    #[test]
    fn a_yaml_file_keeps_its_lines_but_not_its_secrets() {
        let yaml = "stages:\n  track:\n    tracking_uri: http://ana:pw@host:5000 # ours\n    token: abc\n    k: 4\n";
        let expected = "stages:\n  track:\n    tracking_uri: http://host:5000 # ours\n    token: \"***\"\n    k: 4\n";
        assert_eq!(yaml_without_secrets(yaml), expected);
    }
}
