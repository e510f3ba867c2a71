//! The client's half against the server's.

use super::*;

#[test]
fn the_client_writes_what_the_server_accepts() {
    let key = encode_key(*b"the sample nonce");
    let key = str::from_utf8(&key).unwrap();
    assert_eq!(key, KEY);
    let mut request = Vec::new();
    ClientRequest {
        host: "example.com",
        target: "/sub/a?since=earliest",
        key,
        protocols: &["x", "switchboard.v1"],
        headers: &[("Origin", "http://example.com")],
    }
    .write(&mut request);
    let rules = Rules { protocols: &["switchboard.v1"], allowed_origins: Some(&[]) };
    let accept = ask_head(&request, &rules).unwrap();
    let mut response = Vec::new();
    accept.write_response(&mut response);
    assert_eq!(head::find_end(&response, 0, &LIMITS), Ok(Some(response.len())));
    let offered = ["x", "switchboard.v1"];
    assert_eq!(check_response(&response, key, &offered), Ok(Some("switchboard.v1")));
    assert_eq!(check_response(&response, key, &["x"]), Err(ResponseError::Protocol));
}

#[test]
fn the_client_refuses_answers_that_do_not_fit() {
    use ResponseError as E;
    let accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    let ok = "HTTP/1.1 101 Switching Protocols\r\n";
    let answer = |head: String| check_response(head.as_bytes(), KEY, &["a"]);
    assert_eq!(answer(format!("{ok}{UPGRADE}{accept}\r\n")), Ok(None));
    let chosen = |value: &str| format!("Sec-WebSocket-Protocol: {value}\r\n");
    let a = chosen("a");
    assert_eq!(answer(format!("{ok}{UPGRADE}{accept}{a}\r\n")), Ok(Some("a")));
    let lower = accept.replace("=\r", "=x\r");
    for (error, head) in [
        (E::Malformed, String::new()),
        (E::Malformed, format!("{ok}{UPGRADE}{accept}")),
        (E::Malformed, format!("HTTP/1.0 101 x\r\n{UPGRADE}{accept}\r\n")),
        (E::Status(200), format!("HTTP/1.1 200 OK\r\n{UPGRADE}{accept}\r\n")),
        (E::Status(503), "HTTP/1.1 503 Busy\r\n\r\n".to_owned()),
        (E::Upgrade, format!("{ok}Connection: Upgrade\r\n{accept}\r\n")),
        (E::Connection, format!("{ok}Upgrade: websocket\r\n{accept}\r\n")),
        (E::Accept, format!("{ok}{UPGRADE}\r\n")),
        (E::Accept, format!("{ok}{UPGRADE}{lower}\r\n")),
        (E::Accept, format!("{ok}{UPGRADE}{accept}{accept}\r\n")),
        (E::Accept, format!("{ok}{UPGRADE}{}\r\n", accept.to_lowercase())),
        (E::Extension, format!("{ok}{UPGRADE}{accept}Sec-WebSocket-Extensions: x\r\n\r\n")),
        (E::Protocol, format!("{ok}{UPGRADE}{accept}{}\r\n", chosen("b"))),
        (E::Protocol, format!("{ok}{UPGRADE}{accept}{}\r\n", chosen("A"))),
        (E::Protocol, format!("{ok}{UPGRADE}{accept}{a}{a}\r\n")),
    ] {
        assert_eq!(answer(head.clone()), Err(error), "{head:?}");
    }
}
