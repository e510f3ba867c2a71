//! The page at `GET /`: small clients for people, in one document, without anything from outside.

mod document;

use crate::config::Config;

/// The document, in which `{{name}}` marks the place of each part.
const PAGE: &str = include_str!("index.html");
/// What the document is put together from. The scripts share one scope, in this order.
const PARTS: [(&str, &str); 6] = [
    ("{{style.css}}", include_str!("style.css")),
    ("{{connection.js}}", include_str!("connection.js")),
    ("{{tally.js}}", include_str!("tally.js")),
    ("{{ways.js}}", include_str!("ways.js")),
    ("{{picture.js}}", include_str!("picture.js")),
    ("{{views.js}}", include_str!("views.js")),
];
/// How a client listens. It belongs to the page, whose readers may have nothing but a browser.
const DOCUMENTATION: &str = include_str!("../../../../docs/transports.md");
/// The placeholder of the documentation.
const DOCUMENT: &str = "{{transports.md}}";
/// The placeholder for the command that publishes, up to the channel.
const COMMAND: &str = "{{publish-command}}";

/// The page for this configuration. It lives as long as the program, since every shard sends it.
pub(crate) fn render(config: &Config) -> &'static str {
    let settings = &config.settings;
    let key = if settings.api_key.is_some() { r#"-H "X-API-Key: $KEY" "# } else { "" };
    let internal = settings.internal_listen;
    // Everyone can read the page, so it reveals no address that cannot be guessed.
    let api = if internal.ip().is_loopback() {
        internal.to_string()
    } else {
        format!("INTERNAL-ADDRESS:{}", internal.port())
    };
    let command = format!("curl {key}http://{api}/pub/");
    Box::leak(document().replace(COMMAND, &command).into_boxed_str())
}

/// The document with its parts.
fn document() -> String {
    let page = PARTS.iter().fold(PAGE.to_owned(), |page, (place, part)| page.replace(place, part));
    page.replace(DOCUMENT, &document::html(DOCUMENTATION))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Task;

    fn page(flags: &[&str]) -> &'static str {
        let arguments = ["switchboard"].iter().chain(flags).map(Into::into);
        match Config::load(arguments, []) {
            Ok(Task::Run(config)) => render(&config),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn shows_the_command_for_this_server() {
        let common = page(&[]);
        assert!(common.contains(">curl http://127.0.0.1:8001/pub/<"));
        assert!(!common.contains("{{"));
        let key = ["--api-key", "0123456789abcdef", "--internal-listen", "10.1.2.3:99"];
        let guarded = page(&key);
        assert!(guarded.contains("X-API-Key: $KEY\" http://INTERNAL-ADDRESS:99/pub/"));
        assert!(!guarded.contains("0123456789abcdef") && !guarded.contains("10.1.2.3"));
    }

    #[test]
    fn needs_nothing_from_outside_and_builds_no_markup() {
        let page = document();
        // The documentation shows addresses, as text: nothing is fetched from them.
        let own = page.replace(&document::html(DOCUMENTATION), "");
        let addresses = own.matches("http://").count() + own.matches("https://").count();
        // The one is the name of the SVG language in the icon.
        assert_eq!(addresses, own.matches("http://www.w3.org/2000/svg").count());
        assert!(own.len() < page.len());
        for forbidden in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "src=",
            "href=\"http",
        ] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
    }
}
