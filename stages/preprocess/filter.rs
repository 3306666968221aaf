//! The filters that lines pass before returns are looked at: dates, countries, product codes, duplicates.
//!
//! For: which of them stops a line. Not for: returns. Called by: `preprocess`.

use crate::duplicates::RowSet;
use crate::lines::Lines;
use crate::moment::Moment;

use super::params::PreprocessParams;
use super::pattern::{Pattern, folded};
use super::waterfall::Step;

/// The filters of a policy.
#[derive(Debug)]
pub struct Filter {
    from: Option<i64>,
    until: Option<i64>,
    countries: Vec<Vec<char>>,
    codes: Vec<Pattern>,
    duplicates: Option<RowSet>,
}

/// Which entries of the lists met a line at all.
#[derive(Debug, Clone, Default)]
pub struct Met {
    countries: Vec<bool>,
    codes: Vec<bool>,
}

impl Filter {
    /// The filters that `params` ask for; `duplicates` are the rows to drop as such.
    pub fn new(params: &PreprocessParams, duplicates: Option<RowSet>) -> Self {
        Self {
            from: params.from.map(Moment::start),
            until: params.until.map(Moment::end),
            countries: params.countries.iter().map(|country| folded(country)).collect(),
            codes: params.exclude_codes.iter().map(|code| Pattern::new(code)).collect(),
            duplicates,
        }
    }

    /// The step that stops a line, which stands at `position` of its table; none where it passes them all.
    pub fn stops(&self, lines: &Lines<'_>, row: usize, position: u64, met: &mut Met) -> Option<Step> {
        let time = lines.invoice_date.value(row);
        if self.from.is_some_and(|from| time < from) || self.until.is_some_and(|until| time > until) {
            return Some(Step::Window);
        }
        if !self.countries.is_empty() && !self.is_country_wanted(lines.country.get(row), met) {
            return Some(Step::Countries);
        }
        if !self.codes.is_empty() && self.is_code_unwanted(lines.product.get(row), met) {
            return Some(Step::ExcludedCodes);
        }
        self.duplicates.as_ref().is_some_and(|rows| rows.contains(position)).then_some(Step::Duplicates)
    }

    fn is_country_wanted(&self, country: Option<&str>, met: &mut Met) -> bool {
        let Some(country) = country.map(folded) else { return false };
        meet(&mut met.countries, self.countries.iter().map(|wanted| *wanted == country))
    }

    fn is_code_unwanted(&self, code: Option<&str>, met: &mut Met) -> bool {
        let Some(code) = code.map(folded) else { return false };
        meet(&mut met.codes, self.codes.iter().map(|pattern| pattern.is_match(&code)))
    }
}

/// Notes which entries meet a line; returns whether any does.
fn meet(met: &mut Vec<bool>, hits: impl ExactSizeIterator<Item = bool>) -> bool {
    met.resize(hits.len(), false);
    met.iter_mut().zip(hits).fold(false, |any, (met, is_hit)| {
        *met |= is_hit;
        any | is_hit
    })
}

impl Met {
    /// Adds what was met elsewhere.
    pub fn merge(&mut self, other: &Self) {
        let lists = [(&mut self.countries, &other.countries), (&mut self.codes, &other.codes)];
        for (list, more) in lists {
            list.resize(list.len().max(more.len()), false);
            list.iter_mut().zip(more).for_each(|(met, more)| *met |= more);
        }
    }

    /// The entries of the lists that met no line: the params they belong to, and what they say.
    pub fn unmet<'a>(&self, params: &'a PreprocessParams) -> Vec<(&'static str, &'a str)> {
        let lists =
            [("countries", &params.countries, &self.countries), ("exclude_codes", &params.exclude_codes, &self.codes)];
        let entries = lists.into_iter().flat_map(|(name, entries, met)| {
            let is_met = |index: usize| met.get(index).copied().unwrap_or(false);
            let unmet = entries.iter().enumerate().filter(move |(index, _)| !is_met(*index));
            unmet.map(move |(_, entry)| (name, entry.as_str()))
        });
        entries.collect()
    }
}
