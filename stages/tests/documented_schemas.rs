//! `stages/README.md` documents exactly the columns that the schema functions have.

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use arrow_schema::{DataType, Field, SchemaRef, TimeUnit};
    use segpipe_stages::schema;

    const README: &str = include_str!("../README.md");

    type Table = (&'static str, fn() -> SchemaRef);

    const TABLES: [Table; 19] = [
        ("load.transactions", schema::transactions),
        ("load.sources", schema::sources),
        ("validate.valid", schema::transactions),
        ("validate.quarantine", schema::quarantine),
        ("validate.report", schema::report),
        ("preprocess.orders", schema::orders),
        ("preprocess.waterfall", schema::waterfall),
        ("preprocess.orphans", schema::orphans),
        ("rfm.customers", schema::customers),
        ("train.model", schema::model),
        ("train.assignments", schema::assignments),
        ("train.k_selection", schema::k_selection),
        ("evaluate.metrics", schema::metrics),
        ("evaluate.segments", schema::segments),
        ("evaluate.silhouettes", schema::silhouettes),
        ("evaluate.warnings", schema::warnings),
        ("visualize.plots", schema::plots),
        ("track.record", schema::record),
        ("deploy.manifest", schema::manifest),
    ];

    /// The lines of the README's section on a table.
    fn section<'a>(readme: &'a str, table: &str) -> Option<&'a str> {
        let (_, rest) = readme.split_once(&format!("\n### `{table}`\n"))?;
        Some(rest.split_once("\n#").map_or(rest, |(section, _)| section))
    }

    /// Column, type and meaning of each row of a section's table.
    fn documented(section: &str) -> Vec<[&str; 3]> {
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
        rows.map(|row| {
            let cells: Vec<&str> = row.splitn(3, " | ").collect();
            [cells[0].trim_end_matches('`'), cells[1], cells[2]]
        })
        .collect()
    }

    /// The README's word for a type.
    fn word(data_type: &DataType) -> String {
        let names = |fields: &[std::sync::Arc<Field>]| {
            fields.iter().map(|field| field.name().as_str()).collect::<Vec<_>>().join(", ")
        };
        match data_type {
            DataType::Utf8 => "string".to_owned(),
            DataType::Dictionary(_, value) => word(value),
            DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
            DataType::Timestamp(TimeUnit::Microsecond, None) => "timestamp".to_owned(),
            DataType::List(item) => format!("list of {}", word(item.data_type())),
            DataType::Struct(fields) => format!("{{{}}}", names(fields)),
            other => other.to_string().to_lowercase(),
        }
    }

    fn expected(field: &Field) -> (String, String) {
        let mark = if field.is_nullable() { "?" } else { "" };
        (field.name().clone(), format!("{}{mark}", word(field.data_type())))
    }

    #[test]
    fn every_table_is_documented_with_its_columns_in_order() {
        for (table, schema) in TABLES {
            let section = section(README, table).unwrap_or_else(|| panic!("no section on `{table}`"));
            let found: Vec<(String, String)> = documented(section)
                .into_iter()
                .map(|[column, data_type, _]| (column.to_owned(), data_type.to_owned()))
                .collect();
            let expected: Vec<(String, String)> = schema().fields().iter().map(|field| expected(field)).collect();
            assert_eq!(found, expected, "`{table}`");
        }
    }

    #[test]
    fn every_column_has_a_meaning() {
        for (table, _) in TABLES {
            for [column, _, meaning] in documented(section(README, table).unwrap()) {
                assert!(meaning.len() > 2, "`{table}.{column}`");
            }
        }
    }

    #[test]
    fn no_schema_and_no_section_is_left_over() {
        let sections: BTreeSet<&str> =
            README.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')).collect();
        assert_eq!(sections, TABLES.iter().map(|(table, _)| *table).collect());
        let source = include_str!("../schema.rs");
        let functions =
            source.lines().filter_map(|line| line.strip_prefix("pub fn ")?.strip_suffix("() -> SchemaRef {"));
        let listed = include_str!("documented_schemas.rs");
        for function in functions {
            assert!(
                listed.contains(&format!("schema::{function})")),
                "`schema::{function}` is not in this test's list"
            );
        }
    }
}
