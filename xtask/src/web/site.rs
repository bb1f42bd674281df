//! A small web server for a page under test: files out, and what the page says in.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use anyhow::{Context, Result, bail};

/// Bytes that a page may say at once.
const MOST_SAID: usize = 1 << 20;

/// Folders under the beginnings of their addresses; the first that fits serves.
pub(crate) type Folders = Vec<(&'static str, PathBuf)>;

/// Serves `folders` until the program ends. Gives the address, and what is posted to `/said`.
pub(crate) fn serve(folders: Folders) -> Result<(String, Receiver<String>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
    let address = format!("http://{}/", listener.local_addr()?);
    let (say, said) = channel();
    let folders = Arc::new(folders);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (folders, say) = (folders.clone(), say.clone());
            // A browser opens connections that it may never use, so each has a thread. One that
            // breaks off is the browser's affair.
            std::thread::spawn(move || drop(answer(stream, &folders, &say)));
        }
    });
    Ok((address, said))
}

fn answer(stream: TcpStream, folders: &Folders, say: &Sender<String>) -> Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse()?;
        }
    }
    let mut words = request.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = path.split(['?', '#']).next().unwrap_or_default();
    if method == "POST" && path == "/said" {
        if length > MOST_SAID {
            bail!("too much is said: {length} bytes");
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        // Without a listener the check has ended.
        let _ = say.send(String::from_utf8_lossy(&body).into_owned());
        return respond(stream, "204 No Content", "text/plain", &[]);
    }
    match file(path, folders).map(|file| (std::fs::read(&file), file)) {
        Some((Ok(bytes), file)) => respond(stream, "200 OK", kind(&file), &bytes),
        _ => respond(stream, "404 Not Found", "text/plain", b"not found"),
    }
}

fn respond(mut stream: TcpStream, status: &str, kind: &str, body: &[u8]) -> Result<()> {
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n"
    )?;
    stream.write_all(body)?;
    Ok(stream.flush()?)
}

/// The file of an address, never one outside its folder.
fn file(path: &str, folders: &Folders) -> Option<PathBuf> {
    let (rest, folder) =
        folders.iter().find_map(|(start, folder)| Some((path.strip_prefix(start)?, folder)))?;
    let rest = Path::new(if rest.is_empty() { "index.html" } else { rest });
    let inside = rest.components().all(|part| matches!(part, Component::Normal(_)));
    inside.then(|| folder.join(rest))
}

fn kind(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html",
        Some("js") => "text/javascript",
        Some("wasm") => "application/wasm",
        Some("json") => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_stay_in_their_folders() {
        let folders: Folders = vec![("/model/", "/m".into()), ("/", "/page".into())];
        let file = |path| file(path, &folders);
        assert_eq!(file("/model/config.json"), Some("/m/config.json".into()));
        assert_eq!(file("/"), Some("/page/index.html".into()));
        for outside in ["/../secret", "/model/../../secret", "/model//etc/passwd", "other"] {
            assert_eq!(file(outside), None, "{outside}");
        }
    }

    #[test]
    fn files_go_out_and_what_is_said_comes_in() {
        let (address, said) = serve(vec![("/", crate::cargo::root().join("xtask"))]).unwrap();
        let host = address.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let ask = |request: &str| {
            let mut stream = TcpStream::connect(&host).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        };
        let found = ask("GET /Cargo.toml?x=1 HTTP/1.1\r\nHost: here\r\n\r\n");
        assert!(found.starts_with("HTTP/1.1 200 OK") && found.contains("name = \"xtask\""));
        assert!(ask("GET /absent HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404"));
        ask("POST /said HTTP/1.1\r\ncontent-length: 5\r\n\r\nhello");
        assert_eq!(said.recv().unwrap(), "hello");
    }
}
