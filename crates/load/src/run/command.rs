//! The command line as it could be typed again: quoted, without secrets, and with processes by their
//! names, since their numbers are others next time.

/// What a secret is replaced by.
const HIDDEN: &str = "***";
/// Headers whose values are secrets.
const SECRET_HEADERS: [&str; 4] = ["authorization", "proxy-authorization", "x-api-key", "cookie"];
/// Parameters of URLs whose values are secrets.
const SECRET_PARAMETERS: [&str; 3] = ["token", "api_key", "cf_connect"];

/// The command line of these arguments. `name_of` gives the name of a process.
pub(super) fn recorded(
    arguments: impl Iterator<Item = String>,
    name_of: impl Fn(u32) -> Option<String>,
) -> String {
    let mut words = Vec::new();
    let mut flag = String::new();
    for argument in arguments {
        let (own_flag, value) = match argument.split_once('=') {
            Some((own, value)) if own.starts_with("--") => (own.to_owned(), value.to_owned()),
            _ => (flag, argument.clone()),
        };
        let is_joined = value.len() != argument.len();
        let value = shown(&own_flag, &value, &name_of);
        words.push(if is_joined { format!("{own_flag}={value}") } else { value });
        flag = if is_joined { String::new() } else { argument };
    }
    words.join(" ")
}

/// A value of a flag, or an argument of its own, as it is shown.
fn shown(flag: &str, value: &str, name_of: impl Fn(u32) -> Option<String>) -> String {
    match flag {
        "--pid" => by_name(value, name_of).unwrap_or_else(|| quoted(value)),
        "--header" | "--publish-header" => quoted(&without_secret_header(value)),
        "--subprotocol" if value.starts_with("bearer.") => quoted(&format!("bearer.{HIDDEN}")),
        _ => quoted(&without_secrets(value)),
    }
}

/// Processes of one name, as a shell finds them.
fn by_name(pids: &str, name_of: impl Fn(u32) -> Option<String>) -> Option<String> {
    let names: Option<Vec<String>> =
        pids.split(',').map(|pid| name_of(pid.parse().ok()?)).collect();
    let names = names?;
    let first = names.first()?;
    let is_plain = first.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    (is_plain && names.iter().all(|name| name == first)).then(|| format!("$(pgrep -d, -x {first})"))
}

fn without_secret_header(line: &str) -> String {
    match line.split_once(':') {
        Some((name, _)) if SECRET_HEADERS.contains(&name.trim().to_ascii_lowercase().as_str()) => {
            format!("{name}: {HIDDEN}")
        }
        _ => line.to_owned(),
    }
}

/// A text, such as a URL or several with blanks in between, without the secrets in queries.
pub(super) fn without_secrets(text: &str) -> String {
    text.split(' ').map(without_secrets_in_query).collect::<Vec<_>>().join(" ")
}

fn without_secrets_in_query(url: &str) -> String {
    let Some((before, query)) = url.split_once('?') else { return url.to_owned() };
    let parts = query.split('&').map(|part| match part.split_once('=') {
        Some((name, _)) if SECRET_PARAMETERS.contains(&name) => format!("{name}={HIDDEN}"),
        _ => part.to_owned(),
    });
    format!("{before}?{}", parts.collect::<Vec<_>>().join("&"))
}

fn quoted(argument: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !argument.is_empty() && argument.chars().all(is_plain) {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(arguments: &[&str]) -> String {
        let name_of = |pid| ["switchboard", "switchboard", "other"].get(pid as usize - 1);
        let arguments = arguments.iter().map(|&argument| argument.to_owned());
        recorded(arguments, |pid| name_of(pid).map(|&name| name.to_owned()))
    }

    #[test]
    fn it_can_be_typed_again() {
        assert_eq!(
            command(&["load", "ws://h/{channel}", "it's", "", "--size=64:90%"]),
            r"load 'ws://h/{channel}' 'it'\''s' '' --size=64:90%"
        );
    }

    #[test]
    fn processes_are_found_by_name() {
        for (pid, expected) in [
            ("1", "$(pgrep -d, -x switchboard)"),
            ("1,2", "$(pgrep -d, -x switchboard)"),
            ("1,3", "1,3"),
            ("9", "9"),
        ] {
            assert_eq!(command(&["load", "--pid", pid, "-q"]), format!("load --pid {expected} -q"));
            assert_eq!(
                command(&["load", &format!("--pid={pid}")]),
                format!("load --pid={expected}")
            );
        }
    }

    #[test]
    fn secrets_are_left_out() {
        for (arguments, expected) in [
            (["--header", "Authorization: Bearer x"], "--header 'Authorization: ***'"),
            (["--publish-header", "x-api-key:k"], "--publish-header 'x-api-key: ***'"),
            (["--header", "Accept: text/plain"], "--header 'Accept: text/plain'"),
            (["--subprotocol", "bearer.eyJ"], "--subprotocol 'bearer.***'"),
            (
                ["--publish-url=http://h/p?api_key=k&a=1", "-q"],
                "--publish-url='http://h/p?api_key=***&a=1' -q",
            ),
            (["ws://h/{k}?a=1&token=x", "-q"], "'ws://h/{k}?a=1&token=***' -q"),
            (
                ["ws://h/?token=x", "ws://i/?a=1&token=y"],
                "'ws://h/?token=***' 'ws://i/?a=1&token=***'",
            ),
        ] {
            assert_eq!(command(&arguments), expected);
        }
        let several = without_secrets("POST http://h/?api_key=x http://i/?a=1&token=y");
        assert_eq!(several, "POST http://h/?api_key=*** http://i/?a=1&token=***");
    }
}
