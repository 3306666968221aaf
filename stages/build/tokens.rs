//! Small constructs of Rust in a sequence of tokens: attributes, modules, paths, the argument of a macro.
//!
//! For: recognising what begins at a position. Not for: taking it in. Called by: `source`.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// `#[name …]` or `#![name …]`.
pub(crate) struct Attribute<'a> {
    pub(crate) name: String,
    pub(crate) group: &'a Group,
    pub(crate) is_inner: bool,
    /// In tokens.
    pub(crate) length: usize,
}

impl<'a> Attribute<'a> {
    pub(crate) fn at(tokens: &'a [TokenTree], position: usize) -> Option<Self> {
        if !is_punct(tokens.get(position), '#') {
            return None;
        }
        let is_inner = is_punct(tokens.get(position + 1), '!');
        let length = if is_inner { 3 } else { 2 };
        let TokenTree::Group(group) = tokens.get(position + length - 1)? else { return None };
        let name = ident(group.stream().into_iter().next().as_ref()).unwrap_or_default();
        (group.delimiter() == Delimiter::Bracket).then_some(Self { name, group, is_inner, length })
    }

    pub(crate) fn is_test_only(&self) -> bool {
        self.group.stream().to_string().replace(' ', "") == "cfg(test)"
    }
}

/// A module with everything that stands before it.
pub(crate) struct Module<'a> {
    pub(crate) name: String,
    pub(crate) attributes: Vec<Attribute<'a>>,
    /// None where it lives in a file of its own.
    pub(crate) body: Option<&'a Group>,
    /// Position after its last token.
    pub(crate) end: usize,
}

impl<'a> Module<'a> {
    pub(crate) fn at(tokens: &'a [TokenTree], position: usize) -> Option<Self> {
        let mut position = position;
        let mut attributes = Vec::new();
        while let Some(attribute) = Attribute::at(tokens, position).filter(|attribute| !attribute.is_inner) {
            position += attribute.length;
            attributes.push(attribute);
        }
        if is_word(tokens.get(position), "pub") {
            position += 1;
            position += usize::from(matches!(tokens.get(position), Some(TokenTree::Group(_))));
        }
        if !is_word(tokens.get(position), "mod") {
            return None;
        }
        let name = ident(tokens.get(position + 1))?;
        let end = position + 3;
        match tokens.get(position + 2)? {
            TokenTree::Punct(punct) if punct.as_char() == ';' => Some(Self { name, attributes, body: None, end }),
            TokenTree::Group(body) => Some(Self { name, attributes, body: Some(body), end }),
            _ => None,
        }
    }
}

/// Whether `impl` begins a block here, and not a type as in `-> impl Iterator`.
pub(crate) fn is_item(tokens: &[TokenTree], position: usize, around: Delimiter) -> bool {
    match position.checked_sub(1).map(|before| &tokens[before]) {
        None => around != Delimiter::Parenthesis && around != Delimiter::Bracket,
        Some(TokenTree::Punct(punct)) => punct.as_char() == ';',
        Some(TokenTree::Group(group)) => group.delimiter() != Delimiter::Parenthesis,
        Some(TokenTree::Ident(word)) => word == "unsafe" || word == "default",
        Some(TokenTree::Literal(_)) => false,
    }
}

pub(crate) fn path_at(tokens: &[TokenTree], position: usize) -> Vec<String> {
    let mut path: Vec<String> = ident(tokens.get(position)).into_iter().collect();
    let mut next = position + 1;
    while is_double_colon(tokens, next) {
        let Some(segment) = ident(tokens.get(next + 2)) else { break };
        path.push(segment);
        next += 3;
    }
    path
}

/// Whether the identifier at `position` follows `::`, so that it belongs to a path already taken in.
pub(crate) fn continues_path(tokens: &[TokenTree], position: usize) -> bool {
    position >= 2 && is_double_colon(tokens, position - 2)
}

pub(crate) fn is_double_colon(tokens: &[TokenTree], position: usize) -> bool {
    is_punct(tokens.get(position), ':') && is_punct(tokens.get(position + 1), ':')
}

pub(crate) fn is_punct(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

pub(crate) fn is_word(token: Option<&TokenTree>, wanted: &str) -> bool {
    matches!(token, Some(TokenTree::Ident(word)) if word == wanted)
}

pub(crate) fn ident(token: Option<&TokenTree>) -> Option<String> {
    match token {
        Some(TokenTree::Ident(word)) => Some(word.to_string()),
        _ => None,
    }
}

pub(crate) fn macro_argument(tokens: &[TokenTree], position: usize) -> Option<&Group> {
    match tokens.get(position + 2) {
        Some(TokenTree::Group(group)) if is_punct(tokens.get(position + 1), '!') => Some(group),
        _ => None,
    }
}

/// The one string that `tokens` are.
pub(crate) fn string(tokens: TokenStream) -> Option<String> {
    let mut tokens = tokens.into_iter().filter(|token| !is_punct(Some(token), ','));
    let text = tokens.next()?.to_string();
    let text = text.strip_prefix('"')?.strip_suffix('"')?;
    tokens.next().is_none().then(|| text.to_owned())
}
