//! Publications to those who want to hear only what has changed. Each payload is a text then: that of its JSON, or
//! a delta from the JSON of the publication before. Both are made once, for all who are at the same place.

use std::sync::Arc;

use switchboard_hub::{Form, Publication};

use super::{data, fossil};
use crate::json::push_json;
use crate::shape::{CHANGES, Chain, PUBLICATION, TEXT};

/// A publication as the SDKs know it, an object that is the same for all who get it, in pushes and in replies:
/// `data`, `offset`, who published it where that is a client, and the publisher's tags. Made once; never none.
pub fn publication(publication: &Publication, chain: Chain<'_>) -> Option<Arc<Form>> {
    let before = match chain {
        Chain::None => return publication.form(PUBLICATION, whole),
        Chain::First => None,
        Chain::Behind(before) => Some(before),
    };
    let changes = before.and_then(|before| {
        publication.form(CHANGES, |publication| changes(before, publication).unwrap_or_default())
    });
    changes.or_else(|| publication.form(TEXT, as_text))
}

fn whole(publication: &Publication) -> Box<[u8]> {
    data::object(publication, "", |out| {
        data::push(out, publication.kind(), publication.payload());
    })
}

fn as_text(publication: &Publication) -> Box<[u8]> {
    let json = json_of(publication);
    data::object(publication, "", |out| push_json(out, &json))
}

/// None where it is not shorter than the payload.
fn changes(before: &Publication, publication: &Publication) -> Option<Box<[u8]>> {
    let largest = before.payload().len().max(publication.payload().len());
    // White space between the parts of JSON does not count, but to look for it takes time as well.
    if largest > 2 * fossil::BYTES_MAX {
        return None;
    }
    let delta = fossil::delta(&json_of(before), &json_of(publication))?;
    Some(data::object(publication, ",\"delta\":true", |out| push_json(out, &delta)))
}

/// The text of the JSON that those get who do not want deltas.
fn json_of(publication: &Publication) -> String {
    let json = data::json(publication.kind(), publication.payload());
    // What writes it copies from text at the bounds of characters.
    String::from_utf8(json).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use switchboard_hub::{Accounting, Draft, Epoch, Kind, Position};

    use super::*;

    fn published(offset: u64, kind: Kind, payload: &str) -> Arc<Publication> {
        let position = Position { epoch: Epoch::from_random(3), offset };
        let draft = Draft::new(kind, payload.as_bytes()).with_tags(r#"{"a":"b"}"#);
        Publication::new(position, (0, 0), draft, &Arc::new(Accounting::default()))
    }

    fn text(it: &Publication, chain: Chain<'_>) -> String {
        String::from_utf8(publication(it, chain).unwrap().to_vec()).unwrap()
    }

    #[test]
    fn the_first_of_a_chain_is_whole_and_the_next_is_what_has_changed() {
        let old = format!("{{\"list\": [{}]}}", "\"value\", ".repeat(20) + "1");
        let (one, two) =
            (published(7, Kind::Text, &old), published(9, Kind::Text, &old.replace('1', "22")));
        let whole = text(&one, Chain::First);
        let value: serde_json::Value = serde_json::from_str(&whole).unwrap();
        let json: serde_json::Value =
            serde_json::from_str(value["data"].as_str().unwrap()).unwrap();
        assert_eq!(json["list"][20], 1);
        assert_eq!(value["tags"]["a"], "b");
        let changes = text(&two, Chain::Behind(&one));
        let value: serde_json::Value = serde_json::from_str(&changes).unwrap();
        assert_eq!((value["delta"].as_bool(), value["offset"].as_u64()), (Some(true), Some(9)));
        assert!(value["data"].as_str().unwrap().len() < 30, "{changes}");
        assert!(!text(&one, Chain::None).contains("\\\""));
    }

    #[test]
    fn where_a_delta_is_no_shorter_the_payload_is_whole() {
        let (one, two) = (published(1, Kind::Text, "{\"a\":1}"), published(2, Kind::Binary, "\0"));
        assert_eq!(
            text(&two, Chain::Behind(&one)),
            r#"{"data":"\"AA==\"","offset":2,"tags":{"a":"b"}}"#
        );
    }

    #[test]
    fn the_delta_of_a_publication_is_made_once() {
        let payload = "x".repeat(100);
        let (one, two) = (published(1, Kind::Text, &payload), published(2, Kind::Text, &payload));
        let behind = || publication(&two, Chain::Behind(&one)).unwrap();
        assert!(Arc::ptr_eq(&behind(), &behind()));
    }
}
