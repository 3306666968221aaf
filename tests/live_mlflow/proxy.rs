//! A proxy that cuts the connection at a chosen request, before or after the server acted.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

/// Where the connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The server never hears of the request.
    Before,
    /// The server acts, and its answer is lost.
    After,
}

/// What the proxy does.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    /// At which request from now on the connection is cut, once.
    pub(crate) cut: Option<(usize, Cut)>,
    /// Under which name the server is addressed, instead of its own.
    pub(crate) host: Option<&'static str>,
    /// First lines of the requests so far.
    pub(crate) requests: Vec<String>,
}

/// A proxy before one server; it lives as long as the process.
pub(crate) struct Proxy {
    pub(crate) url: String,
    orders: Arc<Mutex<Orders>>,
}

impl Proxy {
    pub(crate) fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let orders: Arc<Mutex<Orders>> = Arc::default();
        let shared = Arc::clone(&orders);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let orders = Arc::clone(&shared);
                std::thread::spawn(move || {
                    let _ = hand_on(&stream, port, &orders);
                    let _ = stream.shutdown(Shutdown::Both);
                });
            }
        });
        Self { url, orders }
    }

    pub(crate) fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap()
    }
}

/// One request and its answer; then the connection closes.
fn hand_on(mut client: &TcpStream, port: u16, orders: &Mutex<Orders>) -> std::io::Result<()> {
    let mut reader = BufReader::new(client);
    let mut first = String::new();
    if reader.read_line(&mut first)? == 0 {
        return Ok(());
    }
    let (cut, host) = {
        let mut orders = orders.lock().unwrap();
        let index = orders.requests.len();
        orders.requests.push(first.trim_end().to_owned());
        let cut = orders.cut.filter(|(at, _)| *at == index).map(|(_, cut)| cut);
        (cut, orders.host)
    };
    let (mut head, mut length) = (first, 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        match name.trim() {
            "" => break,
            "connection" => continue,
            "host" if host.is_some() => {
                head = head + "Host: " + host.unwrap_or_default() + "\r\n";
                continue;
            }
            "content-length" => length = line[15..].trim().parse().unwrap(),
            _ => {}
        }
        head.push_str(&line);
    }
    let mut body = reader.take(length);
    if cut == Some(Cut::Before) {
        return Ok(());
    }
    let mut server = TcpStream::connect(("127.0.0.1", port))?;
    server.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())?;
    std::io::copy(&mut body, &mut server)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    if cut.is_none() { client.write_all(&answer) } else { Ok(()) }
}
