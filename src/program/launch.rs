//! What a program finds around it when it starts: its environment, its params, its inputs under plain names.
//!
//! For: the documented variables and nothing else of segpipe's environment. Not for: starting it (`process`).
//! Called by: [`super::Program`].
//!
//! | variable | |
//! |---|---|
//! | `SEGPIPE_INPUT_<NAME>` | where input `<name>` is to be read, a file or a folder, with the ending it was written with |
//! | `SEGPIPE_OUTPUT_<NAME>` | where output `<name>` is to be written; a folder is there already and empty |
//! | `SEGPIPE_PARAMS` | a JSON file with all params |
//! | `SEGPIPE_PARAM_<NAME>` | one param: a text as it is, anything else as JSON |
//! | `SEGPIPE_STAGE`, `SEGPIPE_PROJECT` | the stage's name, the folder of the pipeline file |
//!
//! In names every character but letters, digits and `_` becomes `_`, and letters become capitals.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use segpipe_stages::contract::{OutputKind, StageContext, StageError};
use serde_json::Value;

use super::Program;
use super::error::ProgramError;
use super::lines::Secrets;

/// What is handed on of segpipe's own environment without being asked for.
const HANDED_ON: [&str; 4] = ["PATH", "HOME", "LANG", "TMPDIR"];
/// How the names of segpipe's own variables begin.
const PREFIX: &str = "SEGPIPE_";
/// Folder of the inputs' plain names, and the params, in the stage's private directory. No output has such a name.
const INPUTS: &str = ".inputs";
const PARAMS: &str = ".params.json";

/// A program that is ready to be started.
pub(super) struct Launch<'a> {
    pub(super) program: &'a Program,
    /// Its whole environment.
    pub(super) environment: Vec<(OsString, OsString)>,
    pub(super) secrets: Secrets,
}

/// Whether a variable of this name is segpipe's own, so that nobody else may set it.
pub fn is_reserved(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// Writes the params and the inputs' names into the private directory, and gathers the environment.
pub(super) fn prepare<'a>(program: &'a Program, ctx: &StageContext<'_>) -> Result<Launch<'a>, StageError> {
    let mut environment = Vec::new();
    let mut set = |name: String, value: OsString| environment.push((OsString::from(name), value));
    for name in HANDED_ON {
        if let Some(value) = std::env::var_os(name) {
            set(name.to_owned(), value);
        }
    }
    for variable in &program.env {
        if let Some(value) = variable.value() {
            set(variable.name.clone(), value);
        }
    }
    let mut secrets = Vec::new();
    for name in &program.secret_env {
        if let Some(value) = std::env::var_os(name) {
            secrets.push(value.clone().into_vec());
            set(name.clone(), value);
        }
    }
    for (port, path) in inputs(ctx)? {
        set(format!("SEGPIPE_INPUT_{}", variable(&port)), path.into());
    }
    for output in &program.outputs {
        let path = ctx.output(&output.name)?;
        if output.kind == OutputKind::Directory {
            fs::create_dir(&path).map_err(file_error("create", &path))?;
        }
        set(output_variable(&output.name), path.into());
    }
    set("SEGPIPE_PARAMS".to_owned(), params(ctx)?.into());
    for (name, value) in &ctx.params.determining {
        let text = value.as_str().map_or_else(|| value.to_string(), String::from);
        // A text that no environment can hold is in the params' file all the same.
        if !text.contains('\0') {
            set(format!("SEGPIPE_PARAM_{}", variable(name)), text.into());
        }
    }
    set("SEGPIPE_STAGE".to_owned(), program.name.clone().into());
    set("SEGPIPE_PROJECT".to_owned(), program.project.clone().into());
    Ok(Launch { program, environment, secrets: Secrets::new(secrets) })
}

/// Name of the variable that says where an output is to be written.
pub(super) fn output_variable(name: &str) -> String {
    format!("SEGPIPE_OUTPUT_{}", variable(name))
}

/// A port's or param's name as a part of a variable's.
fn variable(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    name.chars().map(plain).collect()
}

/// A link with the port's name and the ending of what it leads to, for every input: readers go by endings.
fn inputs(ctx: &StageContext<'_>) -> Result<Vec<(String, PathBuf)>, ProgramError> {
    let folder = ctx.directory.join(INPUTS);
    fs::create_dir(&folder).map_err(file_error("create", &folder))?;
    let link = |(port, input): (&String, &segpipe_stages::contract::InputFile)| {
        let ending = ctx.names.get(port).and_then(|name| name.split_once('.'));
        let link = folder.join(ending.map_or_else(|| port.clone(), |(_, ending)| format!("{port}.{ending}")));
        let target = std::path::absolute(&input.path).unwrap_or_else(|_| input.path.clone());
        symlink(target, &link).map_err(file_error("create", &link))?;
        Ok((port.clone(), link))
    };
    ctx.inputs.iter().map(link).collect()
}

fn params(ctx: &StageContext<'_>) -> Result<PathBuf, ProgramError> {
    let path = ctx.directory.join(PARAMS);
    let params: Value = ctx
        .params
        .determining
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into();
    fs::write(&path, params.to_string()).map_err(file_error("write", &path))?;
    Ok(path)
}

pub(super) fn file_error(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> ProgramError {
    let path = path.to_owned();
    move |source| ProgramError::File { action, path, source }
}
