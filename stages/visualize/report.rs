//! `report.html`: everything a reader needs in one file that opens anywhere and depends on nothing else.
//!
//! For: warnings first, then segments, plots and tables, light and dark, on a phone and on paper.
//! Not for: what people read elsewhere (the model card belongs to `deploy`). Everything from the data is escaped.

use crate::customers::FEATURES;
use crate::document::html::{self, escape};
use crate::document::numbers::{count, counted, fixed, moment, percent, short};
use crate::document::{Table, tables};
use crate::palette;
use crate::results::{Results, RuleFact, SegmentFact};

use super::Drawn;

const STYLE: &str = include_str!("report.css");

/// The whole page; `model_json` is the digest of the file of that name.
pub(super) fn html(results: &Results, rules: &[RuleFact], drawn: &[Drawn], model_json: &str) -> String {
    let segments = results.model.segments.len();
    let title = counted(segments as i64, "customer segment", "customer segments");
    let body = [
        simulated(results),
        format!("<h1>{}</h1>\n", escape(&title)),
        subtitle(results),
        facts(results),
        warnings(results),
        cards(results),
        plots(drawn),
        section("How the data was reduced", &html::table(&tables::waterfall(results))),
        section("What validation found", &html::table(&validation(rules))),
        section("How many segments", &html::table(&tables::study(results))),
        section("Quality", &html::table(&tables::metrics(results))),
        section("Sources", &html::table(&tables::sources(results))),
        section("How to get the same result", &provenance(results, model_json)),
    ];
    html::page(&title, STYLE, &body.concat())
}

fn section(title: &str, body: &str) -> String {
    format!("<section>\n<h2>{}</h2>\n{body}</section>\n", escape(title))
}

fn simulated(results: &Results) -> String {
    if !results.is_simulated() {
        return String::new();
    }
    "<p class=\"simulated\" role=\"alert\">SIMULATED DATA: these customers never existed. Nothing here describes a \
     real business.</p>\n"
        .to_owned()
}

fn subtitle(results: &Results) -> String {
    let model = &results.model;
    let period = match (results.fact("period_start"), results.fact("period_end")) {
        (Some(start), Some(end)) => format!("Purchases from {} to {}; recency", moment(start), moment(end)),
        _ => "Recency".to_owned(),
    };
    let text = format!(
        "{period} counted at {}. Method: {}, {} scaling of recency, frequency ({}) and monetary.",
        moment(&model.snapshot),
        model.algorithm.replace('_', " "),
        model.scaler.method,
        results.frequency_unit(),
    );
    format!("<p class=\"quiet\">{}</p>\n", escape(&text))
}

fn facts(results: &Results) -> String {
    let customers = results.customers.len() as i64;
    let mut facts = vec![
        ("Customers", count(customers)),
        ("Revenue", fixed(results.revenue(), 0)),
        ("Segments", count(results.model.segments.len() as i64)),
    ];
    if let Some(silhouette) = results.metric("silhouette") {
        facts.push(("Mean silhouette", fixed(silhouette, 3)));
    }
    if let Some(largest) = results.segments.iter().max_by(|a, b| a.revenue_share().total_cmp(&b.revenue_share())) {
        facts.push(("Most revenue from", format!("{} ({})", largest.name, percent(largest.revenue_share()))));
    }
    facts.push(("Data", if results.is_simulated() { "simulated" } else { "real" }.to_owned()));
    let fact =
        |(name, value): &(&str, String)| format!("<div><dt>{}</dt><dd>{}</dd></div>\n", escape(name), escape(value));
    format!("<dl class=\"facts\">\n{}</dl>\n", facts.iter().map(fact).collect::<String>())
}

fn warnings(results: &Results) -> String {
    if results.warnings.is_empty() {
        return "<p class=\"quiet\">No warnings: nothing was found that would mislead a reader.</p>\n".to_owned();
    }
    let warning = |(code, message): &(String, String)| {
        format!("<p class=\"alert\" role=\"alert\" data-code=\"{}\">Warning: {}</p>\n", escape(code), escape(message))
    };
    results.warnings.iter().map(warning).collect()
}

fn cards(results: &Results) -> String {
    let cards: String = results.segments.iter().map(|segment| card(results, segment)).collect();
    section("The segments", &format!("<div class=\"cards\">\n{cards}</div>\n"))
}

fn card(results: &Results, segment: &SegmentFact) -> String {
    let colour = palette::hex(usize::try_from(segment.segment).unwrap_or_default());
    let facts = format!(
        "{} ({}), {} of revenue",
        counted(segment.customers, "customer", "customers"),
        percent(segment.customer_share()),
        percent(segment.revenue_share())
    );
    let units = ["days", results.frequency_unit(), "money"];
    let row = |(feature, (unit, profile)): (&str, (&str, &crate::results::Profile))| {
        vec![
            format!("{feature} ({unit})"),
            short(profile.median),
            format!("{} to {}", short(profile.q1), short(profile.q3)),
        ]
    };
    let rows = FEATURES.into_iter().zip(units.into_iter().zip(&segment.profiles)).map(row);
    let table = Table::new(&["", "#median", "#middle half"]).with_rows(rows);
    format!(
        "<article class=\"card\" style=\"border-left-color:{colour}\">\n<h3>{}</h3>\n<p class=\"quiet\">{}</p>\n\
         <p>{}</p>\n{}<p class=\"action\">What to do: {}</p>\n</article>\n",
        escape(&segment.name),
        escape(&facts),
        escape(&segment.description),
        html::table(&table),
        escape(&segment.action),
    )
}

fn plots(drawn: &[Drawn]) -> String {
    let figure = |image: &Drawn| {
        let (title, description) = (escape(image.plot.title), escape(image.plot.description));
        format!(
            "<figure>\n<div class=\"plot\" tabindex=\"0\" role=\"img\" aria-label=\"{title}. \
             {description}\">\n{}</div>\n<figcaption>{description}</figcaption>\n</figure>\n",
            image.svg
        )
    };
    section("The pictures", &drawn.iter().map(figure).collect::<String>())
}

fn validation(rules: &[RuleFact]) -> Table {
    let head = ["rule", "severity", "status", "#rows", "#share", "#money", "what was found"];
    let rows = rules.iter().map(|rule| {
        vec![
            rule.rule.clone(),
            rule.severity.clone(),
            rule.status.clone(),
            count(rule.rows),
            percent(rule.share),
            fixed(rule.amount, 2),
            rule.message.clone(),
        ]
    });
    Table::new(&head).with_rows(rows)
}

fn provenance(results: &Results, model_json: &str) -> String {
    let table = html::table(&tables::provenance(results, &[("model.json", model_json)]));
    format!("<div class=\"digest\">\n{table}</div>\n")
}
