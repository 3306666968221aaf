//! `/openapi.json`: what the service can be asked, for programs. Kept by hand; a test holds it against the routes.

/// The document.
pub(super) const DOCUMENT: &str = include_str!("openapi.json");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::super::routes::Route;
    use super::*;

    #[test]
    fn it_describes_every_route_and_no_other() {
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let described: BTreeSet<(&str, &str)> = paths
            .iter()
            .flat_map(|(path, methods)| {
                methods.as_object().unwrap().keys().map(|method| (path.as_str(), method.as_str()))
            })
            .collect();
        let routed = Route::ALL.map(|route| (route.path(), if route.has_body() { "post" } else { "get" }));
        assert_eq!(described, BTreeSet::from(routed));
        for route in Route::ALL {
            let method = if route.has_body() { "post" } else { "get" };
            let is_open = document["paths"][route.path()][method]["security"] == Value::Array(Vec::new());
            assert_eq!(is_open, route.is_open(), "{}", route.path());
        }
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    }

    /// Every `$ref` below `value`.
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str));
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(!found.is_empty());
        for reference in found {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
    }
}
