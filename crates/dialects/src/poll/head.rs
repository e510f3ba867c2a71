//! The head of an answer, which is bounded: proxies and clients refuse longer ones, and would again
//! when the request is repeated.

use switchboard_hub::{ChannelName, Gap};

use super::answer::Answer;
use crate::cors::{self, Cors};
use crate::date::Date;
use crate::field::{push_name, push_number, push_range};
use crate::id;

/// No head is longer. nginx takes 4 KiB of an answer's head by default, other proxies and clients 8 KiB
/// and more.
pub const HEAD_BYTES_MAX: usize = 4_000;

/// What the gaps may take of a head that would be too long with all of them.
const GAPS_BYTES_MAX: usize = 1_000;

/// What a head is shortened by, each with all before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum HeadForm {
    Whole,
    /// Only the first gaps, and how many follow.
    FewGaps,
    /// The short form of the entity tag ([`crate::id`]).
    CompactTag,
    /// No name of the event and only the number of gaps; JSON has both. With this, 128 channels fit
    /// together with the longest channel name and media type, up to the offset 2^42.
    Shortest,
}

impl HeadForm {
    pub(super) fn has_event(self) -> bool {
        self < Self::Shortest
    }
}

/// Appends a head in the first form that fits.
pub(super) fn write_bounded(out: &mut Vec<u8>, write: impl Fn(HeadForm, &mut Vec<u8>)) {
    use HeadForm::{CompactTag, FewGaps, Shortest, Whole};
    let start = out.len();
    for form in [Whole, FewGaps, CompactTag, Shortest] {
        out.truncate(start);
        write(form, out);
        if out.len() - start <= HEAD_BYTES_MAX {
            break;
        }
    }
}

/// Types that a browser would show as a page of this server, scripts and all, at their address.
fn is_document(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media_type.contains("html") || media_type.contains("xml")
}

/// A browser must not guess another type than the one given.
pub(super) fn push_content(out: &mut Vec<u8>, content_type: &str, charset: &str, bytes: usize) {
    out.extend_from_slice(b"Content-Type: ");
    out.extend_from_slice(content_type.as_bytes());
    out.extend_from_slice(charset.as_bytes());
    if is_document(content_type) {
        out.extend_from_slice(b"\r\nContent-Security-Policy: sandbox");
    }
    out.extend_from_slice(b"\r\nX-Content-Type-Options: nosniff\r\nContent-Length: ");
    push_number(out, bytes as u64);
    out.extend_from_slice(b"\r\n");
}

/// Where to resume after the answer. `stamp_ms` is that of the last publication before it.
pub(super) fn push_validators(
    out: &mut Vec<u8>,
    form: HeadForm,
    answer: &Answer<'_>,
    stamp_ms: u64,
) {
    let compact = if form >= HeadForm::CompactTag { id::compact(answer.id) } else { None };
    out.extend_from_slice(b"ETag: \"");
    out.extend_from_slice(compact.as_deref().unwrap_or(answer.id).as_bytes());
    out.extend_from_slice(b"\"\r\nLast-Modified: ");
    Date::of_unix_ms(answer.wall.of_stamp_ms(stamp_ms)).push(out);
    out.extend_from_slice(b"\r\nCache-Control: no-store\r\n");
}

/// `Switchboard-Gap: news; reason=evicted; missed=18-39, chat; reason=epoch`, and where they are too
/// many `*; more=98` behind the first: no name begins with `*`.
pub(super) fn push_gaps(out: &mut Vec<u8>, form: HeadForm, gaps: &[(ChannelName, Gap)]) {
    if gaps.is_empty() {
        return;
    }
    let bytes_max = match form {
        HeadForm::Whole => usize::MAX,
        HeadForm::FewGaps | HeadForm::CompactTag => GAPS_BYTES_MAX,
        HeadForm::Shortest => 0,
    };
    out.extend_from_slice(b"Switchboard-Gap: ");
    let start = out.len();
    for (nth, (channel, gap)) in gaps.iter().enumerate() {
        let end = out.len();
        if nth > 0 {
            out.extend_from_slice(b", ");
        }
        push_gap(out, channel, gap);
        if out.len() - start > bytes_max {
            out.truncate(end);
            if nth > 0 {
                out.extend_from_slice(b", ");
            }
            out.extend_from_slice(b"*; more=");
            push_number(out, (gaps.len() - nth) as u64);
            break;
        }
    }
    out.extend_from_slice(b"\r\n");
}

fn push_gap(out: &mut Vec<u8>, channel: &ChannelName, gap: &Gap) {
    push_name(out, channel.as_str());
    out.extend_from_slice(b"; reason=");
    out.extend_from_slice(gap.reason.as_str().as_bytes());
    if let Some(missed) = &gap.missed {
        out.extend_from_slice(b"; missed=");
        push_range(out, missed);
    }
}

pub(super) fn push_encoded_line(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    push_name(out, value);
    out.extend_from_slice(b"\r\n");
}

pub(super) fn end_head(out: &mut Vec<u8>, date: Date, cors: Option<Cors<'_>>, keep_alive: bool) {
    date.push_line(out);
    cors::write_cors_lines(out, cors);
    out.extend_from_slice(if keep_alive {
        b"Connection: keep-alive\r\n\r\n"
    } else {
        b"Connection: close\r\n\r\n"
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_scripts_is_put_into_a_sandbox() {
        for document in ["text/html", "Text/HTML; charset=utf-8", "image/svg+xml", "text/xml"] {
            let mut out = Vec::new();
            push_content(&mut out, document, "", 1);
            assert!(
                String::from_utf8(out)
                    .unwrap()
                    .contains("\r\nContent-Security-Policy: sandbox\r\n")
            );
        }
        for other in ["text/plain; charset=utf-8", "application/json", "image/png"] {
            let mut out = Vec::new();
            push_content(&mut out, other, "", 1);
            assert!(!String::from_utf8(out).unwrap().contains("Policy"), "{other}");
        }
    }
}
