//! `openssl s_client` against a server that echoes lines: data, `KeyUpdate` both ways (`k` asks for none back, `K` for
//! one), an ordinary end (`Q`), and resumption.

use std::io::{BufRead as _, BufReader, PipeReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use switchboard_tls::{Acceptor, Decrypted, End, Handshake};

use crate::support::{Authority, HOST};

/// What the server saw of one connection.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    is_resumed: bool,
    is_compact: bool,
    received: Vec<u8>,
    end: Option<End>,
}

/// Serves one connection: what comes is sent back.
fn echo(acceptor: &Acceptor, mut stream: TcpStream) -> Seen {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut handshake = Handshake::new(acceptor).unwrap();
    let (mut held, mut buffer) = (Vec::new(), [0; 4_096]);
    while !handshake.is_done() {
        let mut out = Vec::new();
        let used = handshake.read(&held, &mut out).unwrap();
        held.drain(..used);
        stream.write_all(&out).unwrap();
        if used == 0 {
            let read = stream.read(&mut buffer).unwrap();
            assert!(read > 0, "the client left during the handshake");
            held.extend_from_slice(&buffer[..read]);
        }
    }
    let is_resumed = handshake.is_resumed();
    let mut established = handshake.finish().unwrap();
    let mut seen =
        Seen { is_resumed, is_compact: established.is_compact(), received: Vec::new(), end: None };
    while seen.end.is_none() {
        let Decrypted { plaintext, used, end } = established.decrypt(&mut held);
        let mut out = Vec::new();
        established.seal_owed(&mut out);
        established.seal(&held[..plaintext], &mut out);
        seen.received.extend_from_slice(&held[..plaintext]);
        held.drain(..used);
        if let Some(end) = end {
            established.seal_end(end, &mut out);
        }
        seen.end = end;
        // The client may have gone already.
        let _ = stream.write_all(&out);
        if end.is_none() {
            let read = stream.read(&mut buffer).unwrap_or(0);
            if read == 0 {
                break;
            }
            held.extend_from_slice(&buffer[..read]);
        }
    }
    seen
}

/// A server for so many connections, and its port.
fn serve(acceptor: Acceptor, connections: usize) -> (u16, JoinHandle<Vec<Seen>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = move || {
        let streams = listener.incoming().take(connections);
        streams.map(|stream| echo(&acceptor, stream.unwrap())).collect()
    };
    (port, std::thread::spawn(serve))
}

/// A folder of a test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("switchboard-tls-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The client, and what it shows.
fn s_client(
    folder: &Folder,
    authority: &Authority,
    port: u16,
    more: &[&str],
) -> (Child, BufReader<PipeReader>) {
    let trusted = folder.0.join("authority.pem");
    std::fs::write(&trusted, &authority.pem).unwrap();
    let (screen, shown) = std::io::pipe().unwrap();
    let client = Command::new("openssl")
        .args(["s_client", "-connect", &format!("127.0.0.1:{port}"), "-servername", HOST])
        .args(["-verify_hostname", HOST, "-verify_return_error", "-CAfile"])
        .arg(&trusted)
        .args(more)
        .stdin(Stdio::piped())
        .stdout(shown.try_clone().unwrap())
        .stderr(shown)
        .spawn()
        .expect("openssl is installed");
    (client, BufReader::new(screen))
}

/// Types lines, and waits until each has come back, or until a command is obeyed: what is typed meanwhile would be lost.
fn type_lines((mut client, mut screen): (Child, BufReader<PipeReader>), lines: &[&str]) {
    let mut keyboard = client.stdin.take().unwrap();
    for line in lines {
        keyboard.write_all(format!("{line}\n").as_bytes()).unwrap();
        keyboard.flush().unwrap();
        let expected = match *line {
            "k" | "K" => "KEYUPDATE",
            "Q" => break,
            line => line,
        };
        let mut shown = String::new();
        while shown.trim_end() != expected {
            shown.clear();
            assert!(screen.read_line(&mut shown).unwrap() > 0, "{expected} was never shown");
        }
    }
    screen.read_to_end(&mut Vec::new()).unwrap();
    client.wait().unwrap();
}

#[test]
fn data_and_key_updates_of_openssl_are_understood() {
    let (authority, folder) = (Authority::new(), Folder::new("updates"));
    let (port, server) = serve(Acceptor::new(authority.config()).unwrap(), 1);
    let client = s_client(&folder, &authority, port, &["-tls1_3"]);
    type_lines(client, &["first", "k", "second", "K", "third", "K", "k", "fourth", "Q"]);
    let received = b"first\nsecond\nthird\nfourth\n".to_vec();
    let end = Some(End::Closed);
    let expected = Seen { is_resumed: false, is_compact: true, received, end };
    assert_eq!(server.join().unwrap(), [expected]);
}

#[test]
fn openssl_resumes_and_speaks_tls_1_2() {
    let (authority, folder) = (Authority::new(), Folder::new("resumption"));
    let (port, server) = serve(Acceptor::new(authority.config()).unwrap(), 3);
    let session = folder.0.join("session.pem");
    let session = session.to_str().unwrap();
    for (version, ticket) in [("-tls1_3", "-sess_out"), ("-tls1_3", "-sess_in")] {
        let client = s_client(&folder, &authority, port, &[version, ticket, session]);
        type_lines(client, &["hello", "Q"]);
    }
    type_lines(s_client(&folder, &authority, port, &["-tls1_2"]), &["hello", "Q"]);
    let seen = server.join().unwrap();
    let facts: Vec<_> = seen.iter().map(|seen| (seen.is_resumed, seen.is_compact)).collect();
    assert_eq!(facts, [(false, true), (true, true), (false, false)]);
    assert!(seen.iter().all(|seen| seen.received == b"hello\n"));
}
