//! What one Rust source file says about the code around it: paths, modules, embedded files, impl blocks.
//!
//! For: the module graph beside this file, and the test of the architecture. Not for: resolving what was found.
//! Called by: `modules`, `tests/architecture.rs`.
//!
//! The file is read as tokens and not as syntax, so that a path inside a macro call counts like any other, and a path
//! inside a comment does not. Everything doubtful is taken for a use: one too many costs a re-run.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree};

use super::tokens::{
    Attribute, Module, continues_path, ident, is_item, is_punct, is_word, macro_argument, path_at, string,
};

/// The last segment of a path that names everything in a module.
pub(crate) const GLOB: &str = "*";

/// What was found in one file. Test modules (`#[cfg(test)] mod …`) are left out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Source {
    /// The tokens that are compiled, as text: no comments, no declarations of modules, no documentation of the file.
    pub(crate) text: String,
    /// Every path of two and more segments, and every path of a `use`, as written, seen from the file's module.
    pub(crate) paths: BTreeSet<Vec<String>>,
    /// The names that `use` brings in, with their full paths.
    pub(crate) imports: BTreeMap<String, BTreeSet<Vec<String>>>,
    /// Modules declared in this file that live in files of their own.
    pub(crate) modules: Vec<String>,
    /// Every identifier.
    pub(crate) words: BTreeSet<String>,
    /// Arguments of `include_str!` and its kin, relative to the file's folder.
    pub(crate) includes: BTreeSet<String>,
    /// Arguments of `env!` and `option_env!`.
    pub(crate) variables: BTreeSet<String>,
    /// Types and traits defined here.
    pub(crate) definitions: BTreeSet<String>,
    /// The head of every impl block.
    pub(crate) impls: Vec<ImplHead>,
}

/// What stands between `impl` and `{`.
#[derive(Debug, Clone, Default)]
pub(crate) struct ImplHead {
    /// Every identifier in it.
    pub(crate) words: BTreeSet<String>,
    /// Every path in it.
    pub(crate) paths: BTreeSet<Vec<String>>,
}

/// Reads the text of a file.
pub(crate) fn read(text: &str) -> Result<Source, String> {
    let tokens: TokenStream = text.parse().map_err(|error| format!("is no Rust source: {error}"))?;
    let mut scanner = Scanner { source: Source::default(), inline_modules: 0 };
    scanner.stream(tokens, Delimiter::None)?;
    Ok(scanner.source)
}

struct Scanner {
    source: Source,
    /// How many `mod name { … }` the current token is inside of.
    inline_modules: usize,
}

impl Scanner {
    fn stream(&mut self, tokens: TokenStream, around: Delimiter) -> Result<(), String> {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut position = 0;
        while position < tokens.len() {
            position = self.token(&tokens, position, around)?;
        }
        Ok(())
    }

    /// Takes in the token at `position`, or the whole construct that begins there; returns where to go on.
    fn token(&mut self, tokens: &[TokenTree], position: usize, around: Delimiter) -> Result<usize, String> {
        if let Some(end) = self.module(tokens, position)? {
            return Ok(end);
        }
        if let Some(attribute) = Attribute::at(tokens, position) {
            return self.attribute(tokens, position, &attribute);
        }
        if is_word(tokens.get(position), "use") && !is_punct(tokens.get(position + 1), '<') {
            return Ok(self.import(tokens, position));
        }
        self.write(&tokens[position]);
        match &tokens[position] {
            TokenTree::Ident(ident) => self.word(&ident.to_string(), tokens, position, around)?,
            TokenTree::Group(group) => self.group(group)?,
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
        Ok(position + 1)
    }

    /// A module that begins at `position` with its attributes: declared, inline, or of tests.
    fn module(&mut self, tokens: &[TokenTree], position: usize) -> Result<Option<usize>, String> {
        let Some(module) = Module::at(tokens, position) else { return Ok(None) };
        if module.attributes.iter().any(Attribute::is_test_only) {
            return Ok(Some(module.end));
        }
        if module.body.is_none() && module.attributes.iter().any(|attribute| attribute.name == "path") {
            return Err(format!("declares module `{}` with a `path`, which is not followed", module.name));
        }
        for attribute in module.attributes.iter().filter(|attribute| attribute.name != "doc") {
            self.say("#");
            self.group(attribute.group)?;
        }
        match module.body {
            None if self.inline_modules > 0 => {
                return Err(format!("declares module `{}` inside another, which is not followed", module.name));
            }
            None => self.source.modules.push(module.name),
            Some(body) => {
                self.say("mod");
                self.say(&module.name);
                self.inline_modules += 1;
                self.group(body)?;
                self.inline_modules -= 1;
            }
        }
        Ok(Some(module.end))
    }

    fn attribute(&mut self, tokens: &[TokenTree], start: usize, attribute: &Attribute<'_>) -> Result<usize, String> {
        let end = start + attribute.length;
        if attribute.name == "doc" {
            if !attribute.is_inner {
                tokens[start..end].iter().for_each(|token| self.source.text.push_str(&token.to_string()));
            }
            return Ok(end);
        }
        self.say("#");
        self.group(attribute.group)?;
        self.paths_in_strings(attribute.group.stream())?;
        Ok(end)
    }

    /// Attributes name code in strings, as in `#[serde(with = "crate::iso")]`.
    fn paths_in_strings(&mut self, tokens: TokenStream) -> Result<(), String> {
        for token in tokens {
            match token {
                TokenTree::Group(group) => self.paths_in_strings(group.stream())?,
                TokenTree::Literal(literal) => {
                    let text = literal.to_string();
                    let text = text.trim_matches('"');
                    if text.chars().all(|letter| letter.is_alphanumeric() || "_:".contains(letter)) {
                        let path: Vec<String> = text.split("::").map(String::from).collect();
                        self.source.words.extend(path.iter().cloned());
                        self.path(path);
                    }
                }
                TokenTree::Ident(_) | TokenTree::Punct(_) => {}
            }
        }
        Ok(())
    }

    fn word(&mut self, word: &str, tokens: &[TokenTree], position: usize, around: Delimiter) -> Result<(), String> {
        self.source.words.insert(word.to_owned());
        match word {
            "struct" | "enum" | "union" | "trait" => {
                self.source.definitions.extend(ident(tokens.get(position + 1)));
            }
            "impl" if is_item(tokens, position, around) => self.impl_head(&tokens[position + 1..]),
            "include" | "include_str" | "include_bytes" => self.include(tokens, position)?,
            "env" | "option_env" => {
                let argument = macro_argument(tokens, position).and_then(|group| string(group.stream()));
                // `OUT_DIR` holds what this build script writes itself.
                self.source.variables.extend(argument.filter(|name| name != "OUT_DIR"));
            }
            "feature" if is_punct(tokens.get(position + 1), '=') => {
                return Err("is compiled differently by a feature, which no digest would show".to_owned());
            }
            _ => {}
        }
        if !continues_path(tokens, position) {
            let path = path_at(tokens, position);
            if path.len() > 1 {
                self.path(path);
            }
        }
        Ok(())
    }

    fn include(&mut self, tokens: &[TokenTree], position: usize) -> Result<(), String> {
        let Some(argument) = macro_argument(tokens, position) else { return Ok(()) };
        match string(argument.stream()) {
            Some(path) => {
                self.source.includes.insert(path);
                Ok(())
            }
            None if argument.to_string().contains("OUT_DIR") => Ok(()),
            None => Err(format!("embeds `{argument}`, which is not followed; write the path as one string")),
        }
    }

    fn impl_head(&mut self, tokens: &[TokenTree]) {
        let is_body =
            |token: &TokenTree| matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
        let head: TokenStream = tokens.iter().take_while(|token| !is_body(token)).cloned().collect();
        let mut inner = Self { source: Source::default(), inline_modules: self.inline_modules };
        // A head without nested constructs cannot be refused.
        if inner.stream(head, Delimiter::None).is_ok() {
            self.source.impls.push(ImplHead { words: inner.source.words, paths: inner.source.paths });
        }
    }

    /// The tree of a `use`, every branch written out.
    fn import(&mut self, tokens: &[TokenTree], start: usize) -> usize {
        let length = tokens[start..].iter().position(|token| is_punct(Some(token), ';'));
        let end = length.map_or(tokens.len(), |length| start + length);
        let statement: TokenStream = tokens[start..end].iter().cloned().collect();
        self.say(&statement.to_string());
        self.use_tree(&tokens[start + 1..end], &[]);
        end
    }

    fn use_tree(&mut self, tokens: &[TokenTree], prefix: &[String]) {
        for branch in tokens.split(|token| is_punct(Some(token), ',')) {
            let mut path = prefix.to_vec();
            let mut alias = None;
            let mut rest = branch.iter();
            while let Some(token) = rest.next() {
                match token {
                    TokenTree::Ident(word) if word == "as" => alias = ident(rest.next()),
                    TokenTree::Ident(word) => path.push(word.to_string()),
                    TokenTree::Punct(punct) if punct.as_char() == '*' => path.push(GLOB.to_owned()),
                    TokenTree::Group(group) => {
                        let branches: Vec<TokenTree> = group.stream().into_iter().collect();
                        self.use_tree(&branches, &path);
                        path.clear();
                    }
                    TokenTree::Punct(_) | TokenTree::Literal(_) => {}
                }
            }
            self.bring_in(path, alias);
        }
    }

    fn bring_in(&mut self, mut path: Vec<String>, alias: Option<String>) {
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let Some(last) = path.last().cloned() else { return };
        self.source.words.extend(path.iter().cloned());
        let path = self.path(path);
        self.source.imports.entry(alias.unwrap_or(last)).or_default().insert(path);
    }

    /// Notes a path, seen from the file's module instead of the inline module it stands in.
    fn path(&mut self, path: Vec<String>) -> Vec<String> {
        let supers = path.iter().take_while(|segment| *segment == "super").count();
        let seen = if supers == 0 {
            path
        } else {
            let left = supers.saturating_sub(self.inline_modules);
            let up = if left == 0 { vec!["self".to_owned()] } else { vec!["super".to_owned(); left] };
            up.into_iter().chain(path.into_iter().skip(supers)).collect()
        };
        self.source.paths.insert(seen.clone());
        seen
    }

    fn group(&mut self, group: &Group) -> Result<(), String> {
        let (open, close) = match group.delimiter() {
            Delimiter::Parenthesis => ("( ", ") "),
            Delimiter::Brace => ("{ ", "} "),
            Delimiter::Bracket => ("[ ", "] "),
            Delimiter::None => ("", ""),
        };
        self.source.text.push_str(open);
        self.stream(group.stream(), group.delimiter())?;
        self.source.text.push_str(close);
        Ok(())
    }

    fn write(&mut self, token: &TokenTree) {
        match token {
            TokenTree::Group(_) => {}
            TokenTree::Punct(punct) if punct.spacing() == Spacing::Joint => self.source.text.push(punct.as_char()),
            token => self.say(&token.to_string()),
        }
    }

    fn say(&mut self, text: &str) {
        self.source.text.push_str(text);
        self.source.text.push(' ');
    }
}
