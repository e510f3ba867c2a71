//! What a client is answered to its own messages. These are the only messages whose first value is no
//! position.

use switchboard_hub::{Kind, Position};
use switchboard_ws::frame::Opcode;

use super::{frame_from, opcode, push_line};

/// Appends the receipt of a publication: where it stands in its channel.
pub fn write_published(id: &str, position: Position, out: &mut Vec<u8>) {
    write(out, &[("published", id), ("position", &position.to_string())]);
}

/// Appends that a new token counts from now on.
pub fn write_refreshed(id: &str, out: &mut Vec<u8>) {
    write(out, &[("refreshed", id)]);
}

/// Appends what the backend says to a message: text or binary, as its payload is.
pub fn write_answer(id: &str, kind: Kind, payload: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    push_line(out, "answer", id.as_bytes());
    out.push(b'\n');
    frame_from(out, start, opcode(kind), payload.len());
    out.extend_from_slice(payload);
}

/// Appends why a message was refused. The code is a status of HTTP; the reason is a sentence of one line.
pub fn write_error(id: &str, code: u16, reason: &str, out: &mut Vec<u8>) {
    write(out, &[("error", id), ("code", &code.to_string()), ("reason", reason)]);
}

fn write(out: &mut Vec<u8>, lines: &[(&str, &str)]) {
    let start = out.len();
    for (name, value) in lines {
        push_line(out, name, value.as_bytes());
    }
    out.push(b'\n');
    frame_from(out, start, Opcode::Text, 0);
}

#[cfg(test)]
mod tests {
    use switchboard_hub::Epoch;

    use super::*;

    #[test]
    fn each_answer_names_the_message_that_it_is_to() {
        let written = |write: &dyn Fn(&mut Vec<u8>)| {
            let mut out = vec![7];
            write(&mut out);
            assert_eq!((out[1], out[2] as usize), (0x81, out.len() - 3));
            String::from_utf8(out.split_off(3)).unwrap()
        };
        let position = Position { epoch: Epoch::from_random(0), offset: 3 };
        let published = written(&|out| write_published("a", position, out));
        assert_eq!(published, "published: a\nposition: 00000000-3\n\n");
        assert_eq!(written(&|out| write_refreshed("b", out)), "refreshed: b\n\n");
        let answer = written(&|out| write_answer("d", Kind::Text, b"{\"a\":1}", out));
        assert_eq!(answer, "answer: d\n\n{\"a\":1}");
        let mut out = Vec::new();
        write_answer("d", Kind::Binary, &[0xff; 200], &mut out);
        let head = b"answer: d\n\n";
        assert_eq!((out[0], usize::from(out[3])), (0x82, head.len() + 200));
        assert!(out[4..].starts_with(head) && out.ends_with(&[0xff; 200]));
        let error = written(&|out| write_error("c", 403, "no", out));
        assert_eq!(error, "error: c\ncode: 403\nreason: no\n\n");
    }
}
