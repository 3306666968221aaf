//! The faces of real exports: one set of rows as every program writes it.

use serde_json::json;

use super::*;

/// Three lines of the retailer's file: a plain one, a cancellation with a quoted comma, and one without a customer.
const REFERENCE: &str = "\
InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
536365,85123A,WHITE HANGING HEART ,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom
C536379,D,\"Discount, £5\",-1,2010-12-13 09:41:00,27.5,14527.0,United Kingdom
536414,22139,,56,2010-12-14 11:52:00,0.0,,United Kingdom
";

fn assert_same_rows(loaded: &Loaded) {
    assert!(loaded.bytes == load(REFERENCE).bytes, "{:?}\n{:?}", loaded.table, loaded.summary);
}

#[test]
fn every_cell_of_the_reference_form_is_where_it_belongs() {
    let loaded = load(REFERENCE);
    assert_eq!(loaded.column("source"), ["0", "0", "0"]);
    assert_eq!(loaded.column("row"), ["1", "2", "3"]);
    assert_eq!(loaded.column("invoice"), ["536365", "C536379", "536414"]);
    assert_eq!(loaded.column("product"), ["85123A", "D", "22139"]);
    assert_eq!(loaded.column("description"), ["WHITE HANGING HEART ", "Discount, £5", "-"]);
    assert_eq!(loaded.column("quantity"), ["6000", "-1000", "56000"]);
    assert_eq!(loaded.column("unit_price"), ["2550000", "27500000", "0"]);
    // 6 × 2.55 = 15.3 and −1 × 27.5 = −27.5, in units of 10^-9.
    assert_eq!(loaded.column("amount"), ["15300000000", "-27500000000", "0"]);
    assert_eq!(loaded.column("customer_id"), ["17850", "14527", "-"]);
    assert_eq!(loaded.column("invoice_date"), ["2010-12-01 08:26:00", "2010-12-13 09:41:00", "2010-12-14 11:52:00"]);
    assert!(loaded.problems().is_empty());
    let source = &loaded.summary.sources[0];
    assert_eq!((source.rows, source.problem_rows, source.rounded_cells), (3, 0, 0));
    assert_eq!((source.encoding.as_deref(), source.delimiter), (Some("utf-8"), Some(',')));
    assert_eq!((source.decimal_mark, source.date_format.as_deref()), (Some("."), Some("iso")));
    assert_eq!(loaded.summary.facts["data_source"], "file");
    assert_eq!(loaded.summary.facts["frequency_unit"], "invoices");
    assert!(loaded.notes[0].contains("dates year first"), "{:?}", loaded.notes);
}

#[test]
fn gzip_and_several_members_of_it_change_nothing() {
    let (head, tail) = REFERENCE.as_bytes().split_at(200);
    assert_same_rows(&load_all(&[("a.csv.gz", &gzip(REFERENCE.as_bytes()))], &json!({})).unwrap());
    let members = [gzip(head), gzip(tail)].concat();
    assert_same_rows(&load_all(&[("no-ending", &members)], &json!({})).unwrap());
}

#[test]
fn latin_1_with_american_dates_and_crlf_is_detected() {
    let text = REFERENCE
        .replace("2010-12-01 08:26:00", "12/1/2010 8:26")
        .replace("2010-12-13 09:41:00", "12/13/2010 9:41")
        .replace("2010-12-14 11:52:00", "12/14/2010 11:52")
        .replace(".0,", ",")
        .replace('\n', "\r\n");
    let bytes: Vec<u8> = text.chars().map(|c| c as u8).collect();
    assert!(bytes.contains(&0xa3));
    let loaded = load_all(&[("kaggle.csv", &bytes)], &json!({})).unwrap();
    assert_same_rows(&loaded);
    let source = &loaded.summary.sources[0];
    assert_eq!(source.encoding.as_deref(), Some("windows-1252"));
    assert_eq!(source.date_format.as_deref(), Some("month_first"));
}

#[test]
fn european_exports_are_detected() {
    let text = "\
Invoice;StockCode;Description;Quantity;InvoiceDate;Price;Customer ID;Country
536365;85123A;WHITE HANGING HEART ;6;01/12/2010 08:26;2,55;17850;United Kingdom
C536379;D;Discount, £5;-1;13/12/2010 09:41;27,50;14527;United Kingdom
536414;22139;;56;14/12/2010 11:52;0,00;;United Kingdom
";
    let loaded = load(text);
    assert_same_rows(&loaded);
    let source = &loaded.summary.sources[0];
    assert_eq!((source.delimiter, source.decimal_mark), (Some(';'), Some(",")));
    assert_eq!(source.date_format.as_deref(), Some("day_first"));
    let unit_price = (crate::load::Column::UnitPrice, "Price".to_owned());
    assert!(source.columns.contains(&unit_price));
}

#[test]
fn a_byte_order_mark_tabs_and_utf_16_change_nothing() {
    assert_same_rows(&load(&format!("\u{feff}{REFERENCE}")));
    let tabs =
        REFERENCE.replace("\"Discount, £5\"", "Discount; £5").replace(',', "\t").replace("Discount;", "Discount,");
    assert_same_rows(&load(&tabs));
    let wide: Vec<u8> = format!("\u{feff}{REFERENCE}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let loaded = load_all(&[("a.txt", &wide)], &json!({})).unwrap();
    assert_same_rows(&loaded);
    assert_eq!(loaded.summary.sources[0].encoding.as_deref(), Some("utf-16le"));
}

#[test]
fn blank_lines_a_missing_last_line_end_and_columns_in_another_order_change_nothing() {
    assert_same_rows(&load(&format!("\n{}\n\n", REFERENCE.replace('\n', "\n\n"))));
    assert_same_rows(&load(REFERENCE.trim_end()));
    assert_same_rows(&load(&format!("x,{},", REFERENCE.trim_end().replace('\n', ",\nx,"))));
}

#[test]
fn what_is_given_is_used_and_what_contradicts_it_is_a_problem() {
    let given = json!({"delimiter": ",", "encoding": "utf-8", "decimal_mark": ".", "date_format": "%Y-%m-%d %H:%M:%S"});
    let loaded = load_text(REFERENCE, &given).unwrap();
    assert_same_rows(&loaded);
    assert_eq!(loaded.summary.sources[0].date_format.as_deref(), Some("%Y-%m-%d %H:%M:%S"));
    let text = "customer,date,amount\n1,13/1/2011,5\n2,2/1/2011,5\n";
    let loaded = load_text(text, &json!({"date_format": "month_first"})).unwrap();
    assert_eq!(loaded.column("invoice_date"), ["-", "2011-02-01 00:00:00"]);
    assert_eq!(loaded.problems(), ["1 invoice_date `13/1/2011` not a date"]);
}

#[test]
fn a_date_order_that_only_the_last_row_settles_holds_for_all_rows() {
    let date = |row: usize| format!("{row},{}/{}/2011 8:26,1.5", row % 12 + 1, row % 11 + 1);
    let mut text = lines("customer,date,amount", 60_000, date);
    assert!(matches!(load_text(&text, &json!({})), Err(LoadError::DateOrderUnsettled { .. })));
    text.push_str("60000,31/1/2011,1.5\n");
    let loaded = load(&text);
    assert_eq!(loaded.column("invoice_date")[1], "2011-02-02 08:26:00");
    assert_eq!(loaded.column("invoice_date")[2], "2011-03-03 08:26:00");
    assert_eq!(loaded.column("invoice_date")[11], "2011-01-12 08:26:00");
    assert!(loaded.problems().is_empty());
    let given = load_text(&text, &json!({"date_format": "day_first"})).unwrap();
    assert!(given.bytes == loaded.bytes);
}

#[test]
fn an_encoding_that_only_a_late_row_gives_away_holds_for_all_rows() {
    let mut bytes = b"customer,date,amount,country\n".to_vec();
    for row in 0..60_000 {
        bytes.extend(format!("{row},2011-01-01,1.5,Spain\n").into_bytes());
    }
    bytes.extend(b"1,2011-01-01,1.5,R\xe9union\n");
    let loaded = load_all(&[("sales.csv", &bytes)], &json!({})).unwrap();
    assert_eq!(loaded.column("country")[60_000], "Réunion");
    assert_eq!(loaded.summary.sources[0].encoding.as_deref(), Some("windows-1252"));
}

#[test]
fn the_bytes_do_not_depend_on_the_number_of_threads() {
    let text = lines("customer,date,quantity,price,description", 100_000, |row| {
        format!("{row},2011-01-{:02},{},{}.25,\"x, {row}\"", row % 28 + 1, row % 7, row % 100)
    });
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| load(&text).bytes)
    };
    let one = on(1);
    assert!(one == on(2) && one == on(7) && one == load(&text).bytes);
}

#[test]
fn several_files_are_one_table_and_each_is_detected_by_itself() {
    let second = "Order ID;Customer;Date;Qty;Price\n9;17850;31.12.2010;2;1,5\n";
    let files = [("first.csv", REFERENCE.as_bytes()), ("second.csv", second.as_bytes())];
    let loaded = load_all(&files, &json!({})).unwrap();
    assert_eq!(loaded.column("source"), ["0", "0", "0", "1"]);
    assert_eq!(loaded.column("row"), ["1", "2", "3", "1"]);
    assert_eq!(loaded.column("amount")[3], "3000000000");
    assert_eq!(loaded.column("invoice_date")[3], "2010-12-31 00:00:00");
    let formats: Vec<_> = loaded.summary.sources.iter().map(|source| source.date_format.clone().unwrap()).collect();
    assert_eq!(formats, ["iso", "day_first"]);
}

#[test]
fn files_with_and_without_invoices_do_not_go_together() {
    let files = [("a.csv", REFERENCE.as_bytes()), ("b.csv", b"customer,date,amount\n1,2011-01-01,5\n".as_slice())];
    let error = load_all(&files, &json!({})).err().unwrap().to_string();
    assert!(error.contains("a.csv` has an invoice column and") && error.contains("b.csv` has none"), "{error}");
}

#[test]
fn without_an_invoice_column_purchase_days_count() {
    let loaded = load("customer,date,amount\n1,2011-01-01,5\n");
    assert_eq!(loaded.summary.facts["frequency_unit"], "purchase_days");
    assert_eq!(loaded.column("invoice"), ["-"]);
    assert!(loaded.notes.iter().any(|note| note.contains("distinct purchase days")));
}

#[test]
fn the_amount_of_the_source_stands_above_quantity_times_price() {
    let loaded = load("customer,date,quantity,unit_price,amount\n1,2011-01-01,2,3.00,5.50\n1,2011-01-01,2,3.00,\n");
    assert_eq!(loaded.column("amount"), ["5500000000", "-"]);
    assert_eq!(loaded.column("quantity"), ["2000", "2000"]);
    assert!(loaded.problems().is_empty());
}

#[test]
fn unusable_cells_are_null_and_say_why_and_empty_ones_say_nothing() {
    let text = "\
customer,date,quantity,unit_price
1,2011-01-01,many,2.5
2,yesterday,1,NaN
3,2011-01-01,1,1e308
4,2011-01-01,,
5,2011-01-01,2,inf
nan,2011-01-01,2,3
";
    let loaded = load(text);
    assert_eq!(
        loaded.problems(),
        [
            "1 quantity `many` not a number",
            "2 invoice_date `yesterday` not a date",
            "2 unit_price `NaN` not finite",
            "3 unit_price `1e308` too large",
            "5 unit_price `inf` not finite",
        ]
    );
    assert_eq!(loaded.column("amount"), ["-", "-", "-", "-", "-", "6000000000"]);
    assert_eq!(loaded.column("quantity"), ["-", "1000", "1000", "-", "2000", "2000"]);
    assert_eq!(loaded.column("customer_id"), ["1", "2", "3", "4", "5", "-"]);
    assert_eq!(loaded.summary.sources[0].problem_rows, 4);
}

#[test]
fn rounding_is_half_to_even_and_counted() {
    let loaded =
        load("customer,date,quantity,unit_price\n1,2011-01-01,0.0005,1.0000005\n2,2011-01-01,0.0015,1.0000015\n");
    assert_eq!(loaded.column("quantity"), ["0", "2"]);
    assert_eq!(loaded.column("unit_price"), ["1000000", "1000002"]);
    // 0.002 × 1.000002 = 0.002000004
    assert_eq!(loaded.column("amount"), ["0", "2000004"]);
    assert_eq!(loaded.summary.sources[0].rounded_cells, 4);
}

#[test]
fn ragged_rows_stay_and_are_marked() {
    let loaded = load("customer,date,amount\n1,2011-01-01\n2,2011-01-01,5,6\n3,2011-01-01,7,,\n");
    assert_eq!(
        loaded.problems(),
        ["1 row `1,2011-01-01` wrong number of cells", "2 row `2,2011-01-01,5,6` wrong number of cells"]
    );
    assert_eq!(loaded.column("customer_id"), ["1", "2", "3"]);
    assert_eq!(loaded.column("amount"), ["-", "5000000000", "7000000000"]);
}

#[test]
fn ids_lose_spaces_and_descriptions_keep_them() {
    let loaded = load("customer,date,amount,sku,description,country\n 7 ,2011-01-01,1, A1 , two words , Chile \n");
    assert_eq!(loaded.column("customer_id"), ["7"]);
    assert_eq!(loaded.column("product"), ["A1"]);
    assert_eq!(loaded.column("description"), [" two words "]);
    assert_eq!(loaded.column("country"), ["Chile"]);
}

#[test]
fn columns_chooses_where_names_do_not() {
    let text = "Who,When,Paid,Customer\n17,2011-01-01,5,Smith\n";
    let given = json!({"columns": {"customer": "Who", "date": "when", "amount": "Paid"}});
    let loaded = load_text(text, &given).unwrap();
    assert_eq!(loaded.column("customer_id"), ["17"]);
    assert_eq!(loaded.column("amount"), ["5000000000"]);
}
