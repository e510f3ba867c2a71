//! The documentation on the page: the project's own Markdown, as HTML. It knows what those pages
//! use: headings, paragraphs, lists, tables, blocks of code; code, bold and links in lines.

use std::iter::Peekable;
use std::str::Lines;

/// A page of Markdown as HTML. Links become plain text: the pages they lead to are not here.
pub(super) fn html(markdown: &str) -> String {
    let mut out = String::new();
    let mut lines = markdown.lines().peekable();
    while let Some(line) = lines.next() {
        let block = if line.is_empty() {
            continue;
        } else if is_fence(line) {
            code(&mut lines)
        } else if let Some((tag, text)) = heading(line) {
            element(tag, &inline(text))
        } else if is_row(line) {
            table(line, &mut lines)
        } else if let Some(first) = line.strip_prefix(ITEM) {
            list(first, &mut lines)
        } else {
            paragraph(line, &mut lines)
        };
        out.push_str(&block);
        out.push('\n');
    }
    out
}

const ITEM: &str = "- ";

fn is_fence(line: &str) -> bool {
    line.starts_with("```")
}

fn is_row(line: &str) -> bool {
    line.starts_with('|')
}

/// The element of a heading, one level below that of the page, and its text.
fn heading(line: &str) -> Option<(&'static str, &str)> {
    const LEVELS: [(&str, &str); 3] = [("# ", "h2"), ("## ", "h3"), ("### ", "h4")];
    LEVELS.into_iter().find_map(|(mark, tag)| Some((tag, line.strip_prefix(mark)?)))
}

fn element(tag: &str, inside: &str) -> String {
    ["<", tag, ">", inside, "</", tag, ">"].concat()
}

fn code(lines: &mut Peekable<Lines<'_>>) -> String {
    let code: Vec<&str> = lines.by_ref().take_while(|line| !is_fence(line)).collect();
    element("pre", &escaped(&code.join("\n")))
}

fn table(first: &str, lines: &mut Peekable<Lines<'_>>) -> String {
    let cells = |row: &str, tag: &str| {
        let inner = row.trim().trim_matches('|');
        let cells: String =
            inner.split('|').map(|cell| element(tag, &inline(cell.trim()))).collect();
        element("tr", &cells)
    };
    let mut rows = cells(first, "th");
    // The second row only says that the first is the head.
    let _ = lines.next_if(|next| is_row(next));
    while let Some(row) = lines.next_if(|next| is_row(next)) {
        rows.push_str(&cells(row, "td"));
    }
    ["<div class=\"scroll\">", &element("table", &rows), "</div>"].concat()
}

fn list(first: &str, lines: &mut Peekable<Lines<'_>>) -> String {
    let mut items = vec![first.to_owned()];
    while let Some(line) = lines.next_if(|next| next.starts_with(ITEM) || next.starts_with("  ")) {
        match (line.strip_prefix(ITEM), items.last_mut()) {
            (None, Some(item)) => *item = [item, " ", line.trim()].concat(),
            (item, _) => items.push(item.unwrap_or_default().to_owned()),
        }
    }
    let items: String = items.iter().map(|item| element("li", &inline(item))).collect();
    element("ul", &items)
}

fn paragraph(first: &str, lines: &mut Peekable<Lines<'_>>) -> String {
    let is_text = |line: &&str| {
        let is_block = is_fence(line) || is_row(line) || heading(line).is_some();
        !line.is_empty() && !is_block && !line.starts_with(ITEM)
    };
    let mut text = first.to_owned();
    while let Some(line) = lines.next_if(is_text) {
        text.push(' ');
        text.push_str(line);
    }
    element("p", &inline(&text))
}

/// Text with code, bold and links.
fn inline(text: &str) -> String {
    let pieces = text.split('`').enumerate().map(|(place, piece)| match place % 2 {
        1 => element("code", &escaped(piece)),
        _ => escaped(&without_links(piece)),
    });
    let bold = pieces.collect::<String>();
    let parts = bold.split("**").enumerate().map(|(place, part)| match place % 2 {
        1 => element("b", part),
        _ => part.to_owned(),
    });
    parts.collect()
}

/// `[text](target)` as `text`.
fn without_links(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once('[') {
        out.push_str(before);
        let Some((name, after)) = link.split_once("](") else {
            out.push('[');
            rest = link;
            continue;
        };
        out.push_str(name);
        rest = after.split_once(')').map_or("", |(_, after)| after);
    }
    out + rest
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_block_becomes_its_element() {
        for (markdown, expected) in [
            ("# A\n\n### B `c`\n", "<h2>A</h2>\n<h4>B <code>c</code></h4>\n"),
            ("one\ntwo\n\nthree", "<p>one two</p>\n<p>three</p>\n"),
            ("- a\n  b\n- c\n", "<ul><li>a b</li><li>c</li></ul>\n"),
            ("text\n- a\n", "<p>text</p>\n<ul><li>a</li></ul>\n"),
            ("```sh\na <b\n\n# c\n```\nd", "<pre>a &lt;b\n\n# c</pre>\n<p>d</p>\n"),
            (
                "| a | b |\n|---|---|\n| c `d` | |\n",
                "<div class=\"scroll\"><table><tr><th>a</th><th>b</th></tr>\
                 <tr><td>c <code>d</code></td><td></td></tr></table></div>\n",
            ),
            ("**a `b`** [c](d.md#e), [f\n", "<p><b>a <code>b</code></b> c, [f</p>\n"),
        ] {
            assert_eq!(html(markdown), expected, "{markdown}");
        }
    }

    #[test]
    fn the_documentation_is_read_whole() {
        let html = html(super::super::DOCUMENTATION);
        for left in ["```", "**", "](", "|---"] {
            assert!(!html.contains(left), "{left}");
        }
        for tag in ["p", "ul", "li", "pre", "table", "code", "b", "h2", "h3"] {
            let (opened, closed) = (format!("<{tag}>"), format!("</{tag}>"));
            assert_eq!(html.matches(&opened).count(), html.matches(&closed).count(), "{tag}");
            assert!(html.contains(&opened), "{tag}");
        }
    }
}
