//! What a server says when it refuses: one sentence for people, out of the body of its answer.

/// Characters that are kept of it.
const CHARACTERS_MAX: usize = 200;

/// The sentence in a body: the message of a JSON error, the title of a page of HTML, or the first
/// line of a text. Nothing if there is none.
pub(crate) fn sentence(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let said = message(&text).or_else(|| title(&text)).unwrap_or_else(|| first_line(&text));
    // It comes from a stranger and goes to a terminal.
    let clean: String = said.chars().filter(|c| !c.is_control()).take(CHARACTERS_MAX).collect();
    let clean = clean.trim();
    (!clean.is_empty()).then(|| clean.to_owned())
}

/// A status with the sentence, if there is one.
pub(crate) fn refusal(status: u16, body: &[u8]) -> String {
    sentence(body).map_or_else(|| status.to_string(), |said| format!("{status}: {said}"))
}

/// `{"error":{"message":"..."}}`, `{"error":"..."}` or `{"message":"..."}`.
fn message(text: &str) -> Option<String> {
    let json: serde_json::Value = serde_json::from_str(text).ok()?;
    let error = json.get("error").unwrap_or(&json);
    error.as_str().or_else(|| error.get("message")?.as_str()).map(str::to_owned)
}

fn title(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("<title>")?;
    rest.split_once("</title>").map(|(title, _)| title.to_owned())
}

fn first_line(text: &str) -> String {
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_is_found_where_servers_put_it() {
        for (body, expected) in [
            ("the server is full; try again later\n", Some("the server is full; try again later")),
            (
                r#"{"error":{"code":"forbidden","message":"the API key is wrong"}}"#,
                Some("the API key is wrong"),
            ),
            (r#"{"error":"no"}"#, Some("no")),
            ("<html>\r\n<head><title>502 Bad Gateway</title></head>", Some("502 Bad Gateway")),
            ("\n  \n", None),
            ("", None),
            ("a \x1b[31mred\x1b[0m one", Some("a [31mred[0m one")),
        ] {
            assert_eq!(sentence(body.as_bytes()).as_deref(), expected, "{body:?}");
        }
    }

    #[test]
    fn it_is_bounded_and_may_be_missing() {
        assert_eq!(
            sentence("x".repeat(9_999).as_bytes()).map(|said| said.len()),
            Some(CHARACTERS_MAX)
        );
        assert_eq!(refusal(503, b""), "503");
        assert_eq!(refusal(403, &[0xff, b'n', b'o']), "403: \u{fffd}no");
    }
}
