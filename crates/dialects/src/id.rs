//! The id from which a listener resumes: the positions of all its channels in the order of its URL,
//! joined by commas. The same text is the id of an event, `since`, and (quoted) the entity tag.

use switchboard_hub::Position;

/// Appends a position, after a comma unless it is the first.
pub fn push_position(out: &mut String, position: Position) {
    if !out.is_empty() {
        out.push(',');
    }
    out.push_str(position.epoch.as_str());
    out.push('-');
    out.push_str(itoa::Buffer::new().format(position.offset));
}
