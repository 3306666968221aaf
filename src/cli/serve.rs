//! `segpipe serve`: the scoring service as a command.
//!
//! For: what the arguments and the environment say about it, and its end by a signal. Not for: serving (`serve`).

use std::path::Path;
use std::time::Duration;

use segpipe_stages::contract::{Fault, StageFault};

use super::args::ServeArguments;
use super::failure::Failure;
use super::printer::Printer;
use super::project::Surroundings;
use super::{Ending, bundle, signals};
use crate::engine;
use crate::mlflow::{DeliveryError, Destination};
use crate::report::Detail;
use crate::serve::{self, Journal, Level, Options, ServeError, Server, Supply, SupplyError, Token};

/// The environment's word for the token.
const TOKEN: &str = "SEGPIPE_SERVE_TOKEN";

/// The exit code where a registry does not give the model.
const TRACKING: u8 = 5;

const MIB: u64 = 1 << 20;

/// Serves until a signal comes, or asks another service whether it is well.
pub(super) fn serve(around: &Surroundings, arguments: &ServeArguments) -> Ending {
    if let Some(address) = arguments.check {
        let address = address.unwrap_or(arguments.bind);
        return if serve::is_well(address) { Ok(0) } else { Err(unwell(address)) };
    }
    let printer = around.printer;
    let options = options(arguments)?;
    if !options.bind.ip().is_loopback() && options.token.is_none() {
        printer.warn(&format!("everybody who reaches {} may ask: no token is set", options.bind));
    }
    let least = match printer.look.detail {
        Detail::Quiet => Level::Warning,
        Detail::Normal => Level::Info,
        Detail::Verbose => Level::Request,
    };
    let journal = Journal::new(least, Printer::journal);
    let server = Server::bind(options, supply(around, arguments)?, journal).map_err(|error| failure(&error))?;
    let stopper = server.stopper();
    signals::listen(move || {
        printer.say(signals::FINISHING);
        stopper.stop();
    });
    server.run().map_err(|error| failure(&error))?;
    Ok(0)
}

fn options(arguments: &ServeArguments) -> Result<Options, Failure> {
    Ok(Options {
        bind: arguments.bind,
        token: token(arguments.token_file.as_deref())?,
        max_body: arguments.max_body * MIB,
        max_upload: arguments.max_upload * MIB,
        concurrency: arguments.concurrency,
        time_out: Duration::from_secs(arguments.time_out),
        reader_time_out: Duration::from_secs(arguments.time_out),
        ..Options::default()
    })
}

/// The token in `file`, else in the environment. One that is empty would let everybody in.
fn token(file: Option<&Path>) -> Result<Option<Token>, Failure> {
    let (text, place) = match file {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| Failure::disk("read", path, &error))?;
            (Some(text), format!("`{}`", path.display()))
        }
        None => (std::env::var(TOKEN).ok(), format!("`{TOKEN}`")),
    };
    match text.as_deref().map(str::trim) {
        Some("") => Err(Failure::usage(format!("{place} is empty")).with_hint("write a token there, or name none")),
        text => Ok(text.map(Token::new)),
    }
}

fn supply(around: &Surroundings, arguments: &ServeArguments) -> Result<Supply, Failure> {
    match &arguments.model_uri {
        Some(model) => {
            let destination = Destination::resolve(None).map_err(|error| of_registry(&error))?;
            Ok(Supply::Registry { destination: Box::new(destination), model: model.clone() })
        }
        None => Ok(Supply::Folder(bundle::find(around, arguments.bundle.as_deref())?)),
    }
}

fn unwell(address: std::net::SocketAddr) -> Failure {
    Failure::new(1, format!("no service answers at {address}"))
}

fn of_registry(error: &DeliveryError) -> Failure {
    Failure { hint: error.hint(), ..Failure::new(TRACKING, error.to_string()).caused_by(error) }
}

fn failure(error: &ServeError) -> Failure {
    let exit_code = match error {
        ServeError::Supply(SupplyError::Registry(error)) => return of_registry(error),
        ServeError::Supply(SupplyError::Bundle(error)) => engine::exit_code(error.fault()),
        ServeError::Supply(SupplyError::Assignments(_)) => engine::exit_code(Fault::Data),
        ServeError::Bind { .. } => super::failure::USAGE,
        ServeError::Threads(_) => engine::exit_code(Fault::Disk),
    };
    Failure { hint: error.hint(), ..Failure::new(exit_code, error.to_string()).caused_by(error) }
}
