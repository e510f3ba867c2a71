//! Commands that come in requests of their own reach the connection as they were written.

use serde_json::json;
use switchboard_dialects::centrifuge::{Emulation, commands_in};

use crate::json::Members;
use crate::{centrifuge_commands, form};

/// The input is a body, the text in one, and a query.
pub fn check(data: &[u8]) {
    check_body(data);
    let Ok(text) = str::from_utf8(data) else { return };
    check_query(text);
    let body = json!({ "session": text, "data": text, "node": "n" }).to_string();
    let Some(read) = Emulation::parse(body.as_bytes()) else { panic!("{body} is refused") };
    assert_eq!((&*read.session, &*read.data), (text, text));
}

fn check_body(body: &[u8]) {
    let members = str::from_utf8(body.trim_ascii()).ok().and_then(Members::of);
    let expected = members.and_then(|all| Some((text(&all, "session")?, text(&all, "data")?)));
    let read = Emulation::parse(body).map(|it| (it.session.into_owned(), it.data.into_owned()));
    assert_eq!(read, expected);
    if let Some((_, commands)) = read {
        centrifuge_commands::check(commands.as_bytes());
    }
}

/// A text that may be missing, but neither stand twice nor be something else.
fn text(all: &Members<'_>, name: &str) -> Option<String> {
    match all.all(name).collect::<Vec<_>>()[..] {
        [] => Some(String::new()),
        [only] => serde_json::from_str(only).ok(),
        _ => None,
    }
}

fn check_query(query: &str) {
    let read = commands_in(query);
    let expected = form::pairs(query).find(|(name, _)| name == "cf_connect");
    assert_eq!(read.as_deref(), expected.as_ref().map(|(_, value)| value.as_str()));
    if let Some(commands) = read {
        centrifuge_commands::check(commands.as_bytes());
    }
}
