//! `segpipe init`: a commented pipeline file for one's own transactions, with what was found in them.
//!
//! For: looking at the source, writing the file, saying what to do next. Not for: reading transactions (`load`).

mod detected;
mod paths;
mod template;

use std::path::{Path, PathBuf};

use super::args::InitArguments;
use super::failure::Failure;
use super::project::Surroundings;
use super::{Ending, place};

use template::Found;

/// Looks at the source and writes the pipeline file.
pub(super) fn init(around: &Surroundings, arguments: &InitArguments) -> Ending {
    let output = &arguments.output;
    if output.exists() && !arguments.force {
        let text = format!("`{}` is there already", output.display());
        let hint = "`--force` overwrites it, `--output` writes another";
        return Err(Failure::usage(text).with_hint(hint));
    }
    let found = Found { source: source(&arguments.source, output)?, ..detected::look(arguments, around.printer)? };
    let text = template::pipeline(&paths::name_of(&arguments.source), &found);
    place::write(output, |out| out.write_all(text.as_bytes()).map_err(place::failed(output)))?;
    let lines = summary(&found).into_iter().chain(next_steps(output));
    around.printer.say(&format!("wrote `{}`", output.display()));
    for line in lines {
        around.printer.say(&line);
    }
    Ok(0)
}

/// The source as the pipeline file calls it.
fn source(source: &Path, output: &Path) -> Result<String, Failure> {
    let absolute = |path: &Path| std::path::absolute(path).map_err(|error| Failure::disk("find", path, &error));
    let folder = absolute(output)?.parent().map_or_else(|| PathBuf::from("/"), Path::to_owned);
    let relative = paths::relative(&absolute(source)?, &folder);
    match relative.to_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(Failure::usage(format!("`{}` is no name that YAML can hold", source.display()))),
    }
}

fn summary(found: &Found) -> Vec<String> {
    let columns = found.columns.iter().map(|(key, header)| format!("  {key:<12} {header}"));
    let settings = [
        ("dates", &found.date_format),
        ("delimiter", &found.delimiter),
        ("encoding", &found.encoding),
        ("decimals", &found.decimal_mark),
    ];
    let settings = settings.iter().filter_map(|(name, value)| Some(format!("  {name:<12} {}", value.as_ref()?)));
    columns.chain(settings).collect()
}

fn next_steps(output: &Path) -> Vec<String> {
    let is_usual = output == Path::new("pipeline.yaml");
    let file = if is_usual { String::new() } else { format!(" --file {}", output.display()) };
    vec![
        "next:".to_owned(),
        format!("  1. look through `{}` and change what is wrong", output.display()),
        format!("  2. segpipe run{file}"),
        format!("  3. segpipe export{file} -o segments.xlsx"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_steps_name_the_file_where_it_is_not_the_usual_one() {
        assert_eq!(next_steps(Path::new("pipeline.yaml"))[2], "  2. segpipe run");
        assert_eq!(next_steps(Path::new("a/b.yaml"))[2], "  2. segpipe run --file a/b.yaml");
    }

    #[test]
    fn what_was_found_is_said() {
        let found = Found {
            columns: vec![("customer".to_owned(), "Kunde".to_owned())],
            delimiter: Some(";".to_owned()),
            ..Found::default()
        };
        assert_eq!(summary(&found), ["  customer     Kunde", "  delimiter    ;"]);
    }
}
