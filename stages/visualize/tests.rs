//! `visualize` on whole results: every number of segments, hostile texts, simulated data, any number of threads.

use serde_json::json;

use crate::contract::Stage;
use crate::results_fixture::{Fixture, Setup, files, on_threads};
use crate::schema;
use crate::table::{self, column};

use super::scene::{SIZE, Shape};
use super::*;

const HOSTILE: &str = "</td><script>alert('1')</script>&\"";

fn report_of(setup: Setup) -> String {
    let fixture = Fixture::new(setup);
    let (out, _) = fixture.run(&Visualize, &json!({})).unwrap();
    std::fs::read_to_string(out.join("report.html")).unwrap()
}

#[test]
fn every_plot_is_written_in_both_formats_and_listed_in_order() {
    let fixture = Fixture::new(Setup::default());
    let (out, report) = fixture.run(&Visualize, &json!({})).unwrap();
    assert_eq!(report.headline, "5 plots, report.html");
    let (plots, facts) = table::read(&out.join("plots.parquet"), &schema::plots()).unwrap();
    let names: Vec<_> = column::<StringArray>(&plots, "plot").iter().flatten().collect();
    assert_eq!(names, ["segment_sizes", "segment_profiles", "pca_scatter", "k_selection", "silhouette"]);
    assert_eq!(facts["data_source"], "file");
    let images = files(&out.join("images"));
    for path in ["png", "svg"].iter().flat_map(|ending| column::<StringArray>(&plots, ending).iter().flatten()) {
        assert!(images[path].len() > 1000, "{path}");
    }
    assert_eq!(images.len(), 10);
}

#[test]
fn the_bytes_do_not_depend_on_the_number_of_threads() {
    let fixture = Fixture::new(Setup::default());
    let bytes = |threads| on_threads(threads, || files(&fixture.run(&Visualize, &json!({})).unwrap().0));
    let one = bytes(1);
    assert_eq!(one, bytes(2));
    assert_eq!(one, bytes(5));
}

#[test]
fn one_two_and_twelve_segments_can_be_drawn() {
    for k in [1, 2, 12] {
        let html = report_of(Setup { k, ..Setup::default() });
        assert_eq!(html.matches("class=\"card\"").count(), k);
        assert_eq!(html.contains("the silhouette is not defined here"), k == 1);
    }
}

#[test]
fn a_segment_keeps_its_colour_in_every_plot_and_card() {
    let html = report_of(Setup::default());
    for segment in 0..3 {
        let colour = crate::palette::hex(segment);
        assert!(html.contains(&format!("border-left-color:{colour}")));
        assert!(html.matches(&format!("fill=\"{}\"", colour.to_uppercase())).count() > 10);
    }
}

#[test]
fn nothing_that_stood_in_the_data_becomes_markup() {
    let html = report_of(Setup { prefix: HOSTILE, ..Setup::default() });
    assert!(!html.contains("<script"), "a script got into the report");
    assert!(html.matches("&lt;script&gt;").count() > 10);
    assert_eq!(html.matches("<td").count(), html.matches("</td>").count());
}

#[test]
fn simulated_data_is_said_before_anything_else_and_on_every_plot() {
    let real = report_of(Setup::default());
    assert!(!real.contains("SIMULATED"));
    let html = report_of(Setup { is_simulated: true, ..Setup::default() });
    let body = html.split_once("<main>").unwrap().1;
    assert!(body.trim_start().starts_with("<p class=\"simulated\" role=\"alert\">SIMULATED DATA"), "{}", &body[..200]);
    assert_eq!(html.matches("SIMULATED DATA").count(), 1 + PLOTS.len());
}

#[test]
fn warnings_stand_before_the_segments_and_the_page_needs_nothing_from_elsewhere() {
    let html = report_of(Setup::default());
    let position = |text: &str| html.find(text).unwrap_or_else(|| panic!("no `{text}`"));
    assert!(position("only a few customers") < position("class=\"card\""));
    let outside = html.replace("http://www.w3.org/2000/svg", "");
    for word in ["http:", "https:", "src=", "<link", "@import", "url("] {
        assert!(!outside.contains(word), "{word}");
    }
    assert!(html.len() < 3_000_000);
}

#[test]
fn the_report_holds_segments_tables_and_digests() {
    let html = report_of(Setup::default()).replace('\u{a0}', " ");
    for text in [
        "24 918",
        "1.9 %",
        "rows without a customer",
        "what purchases did",
        "%Y-%m-%d %H:%M:%S",
        "customer_id ← CustomerID",
        "write to them",
        "0.6160",
        "2011-12-10 12:50:00",
        "digest of model.json",
    ] {
        assert!(html.contains(text), "{text}");
    }
    assert!(html.contains(&"d".repeat(64)) && html.contains(&"a".repeat(64)));
}

#[test]
fn assignments_of_other_customers_are_refused() {
    let fixture = Fixture::new(Setup::default());
    let mut customers = fixture.customers.clone();
    customers.ids[3] = "somebody else".to_owned();
    table::write(fixture.path("customers"), &customers.to_batch().unwrap(), &Facts::new()).unwrap();
    let error = fixture.run(&Visualize, &json!({})).unwrap_err();
    let expected = "the inputs `customers` and `assignments` do not belong together: the customer ids differ";
    assert_eq!((error.message.as_str(), error.fault), (expected, Fault::Stage));
}

/// Left, top, right and lower end of a text.
fn extent(fonts: &Fonts, at: scene::At, text: &str, look: scene::Type) -> [f64; 4] {
    let width = fonts.width(text, look);
    let left = match look.align {
        scene::Align::Left => at.0,
        scene::Align::Centre => at.0 - width / 2.0,
        scene::Align::Right => at.0 - width,
    };
    [left, at.1 - look.size * 0.36, left + width, at.1 + look.size * 0.36]
}

#[test]
fn no_two_texts_overlap_and_none_leaves_the_page() {
    let long = "Hibernating big spenders with a very long name ";
    for (k, prefix) in [(1, ""), (2, ""), (5, ""), (12, long), (20, long)] {
        let fixture = Fixture::new(Setup { k, each: 20, is_simulated: true, prefix });
        let (results, fonts) = (fixture.results(), Fonts::load().unwrap());
        let params = VisualizeParams::default();
        let silhouettes = (k > 1).then(|| vec![vec![0.9, 0.5, -0.2]; k]);
        let points = results.points();
        let picture = Picture { points, silhouettes, results: &results, fonts: &fonts, params: &params };
        for plot in &PLOTS {
            let scene = (plot.scene)(&picture);
            let texts: Vec<(&String, [f64; 4])> = scene
                .shapes
                .iter()
                .filter_map(|shape| {
                    let Shape::Text(at, text, look) = shape else { return None };
                    Some((text, extent(&fonts, *at, text, *look)))
                })
                .collect();
            for (index, (text, [left, top, right, bottom])) in texts.iter().enumerate() {
                let is_inside =
                    *left >= 0.0 && *top >= 0.0 && *right <= f64::from(SIZE.0) && *bottom <= f64::from(SIZE.1);
                assert!(is_inside, "k = {k}, {}: `{text}` leaves the page", plot.name);
                for (other, [l, t, r, b]) in &texts[index + 1..] {
                    let is_apart = right <= l || r <= left || bottom <= t || b <= top;
                    assert!(is_apart, "k = {k}, {}: `{text}` overlaps `{other}`", plot.name);
                }
            }
        }
    }
}

#[test]
fn params_out_of_range_are_refused_by_name() {
    let raw = json!({ "map_points": 7 });
    let error = Visualize.check_params(raw.as_object().unwrap()).unwrap_err();
    assert_eq!(error.path, ["map_points"]);
}
