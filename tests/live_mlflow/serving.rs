//! `segpipe serve` with a model of the registry.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use segpipe::mlflow::Destination;
use segpipe::serve::{Journal, Level, Options, ServeError, Server, Supply};

/// What is asked: integers, fractions, values beyond all that were seen.
const BODY: &str = r#"{"instances":[[1,40,90000.5],[5,10,5000.5],[30,3,400],[300,1,10.25],[-5,1e9,0]]}"#;

fn bind(supply: Supply) -> Result<Server, ServeError> {
    let options = Options { bind: SocketAddr::from(([127, 0, 0, 1], 0)), ..Options::default() };
    Server::bind(options, supply, Journal::new(Level::Info, |_| ()))
}

/// What a service answers to [`BODY`], and its segment cards.
fn answers(supply: Supply) -> [String; 2] {
    let server = bind(supply).unwrap();
    let (address, stopper) = (server.address(), server.stopper());
    let thread = std::thread::spawn(move || server.run());
    let ask = |request: String| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    };
    let head = "host: localhost\r\nconnection: close\r\n";
    let length = BODY.len();
    let json = "content-type: application/json\r\n";
    let scored = ask(format!("POST /invocations HTTP/1.1\r\n{head}{json}content-length: {length}\r\n\r\n{BODY}"));
    let cards = ask(format!("GET /v1/segments HTTP/1.1\r\n{head}\r\n"));
    stopper.stop();
    thread.join().unwrap().unwrap();
    [scored, cards]
}

/// The champion and version `version` of `name` at `url` must answer as the bundle in `folder` does.
pub(crate) fn check(url: &str, name: &str, version: &str, folder: &Path) {
    let registry = |model: String| {
        let destination = Destination::resolve(Some(url)).unwrap();
        Supply::Registry { destination: Box::new(destination), model: model.parse().unwrap() }
    };
    let expected = answers(Supply::Folder(folder.to_owned()));
    assert_eq!(answers(registry(format!("models:/{name}@champion"))), expected);
    assert_eq!(answers(registry(format!("models:/{name}/{version}"))), expected);
    for model in
        [format!("models:/{name}@nobody"), format!("models:/{name}/999"), "models:/nothing@champion".to_owned()]
    {
        let error = bind(registry(model.clone())).err().unwrap();
        assert_eq!(error.to_string(), format!("`{model}` cannot be served: the registry has no such version"));
        assert!(error.hint().is_some());
    }
}
