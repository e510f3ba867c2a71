//! The parser of the HTML standard, section 9.2.6, byte by byte and line by line.

/// An event as a page receives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) kind: String,
    pub(crate) data: String,
    pub(crate) last_event_id: String,
}

/// The state that the standard names.
#[derive(Debug, Default)]
pub(crate) struct EventSource {
    data_buffer: String,
    type_buffer: String,
    id_buffer: String,
    line: Vec<u8>,
    after_cr: bool,
    /// The last event ID string, which a reconnecting client sends.
    pub(crate) last_event_id: String,
    /// The reconnection time.
    pub(crate) retry_ms: Option<u64>,
    pub(crate) comments: usize,
    pub(crate) events: Vec<Event>,
}

impl EventSource {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            let ends_a_pair = std::mem::take(&mut self.after_cr) && byte == b'\n';
            match byte {
                _ if ends_a_pair => {}
                b'\r' | b'\n' => {
                    self.after_cr = byte == b'\r';
                    let line = String::from_utf8(std::mem::take(&mut self.line)).expect("UTF-8");
                    self.take_line(&line);
                }
                _ => self.line.push(byte),
            }
        }
    }

    /// Nothing may be left over but the beginning of the next event.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.line.is_empty() && self.data_buffer.is_empty() && self.type_buffer.is_empty()
    }

    fn take_line(&mut self, line: &str) {
        if line.is_empty() {
            self.dispatch();
        } else if line.starts_with(':') {
            self.comments += 1;
        } else {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            self.take_field(field, value.strip_prefix(' ').unwrap_or(value));
        }
    }

    fn take_field(&mut self, field: &str, value: &str) {
        match field {
            "event" => value.clone_into(&mut self.type_buffer),
            "data" => {
                self.data_buffer.push_str(value);
                self.data_buffer.push('\n');
            }
            "id" if !value.contains('\0') => value.clone_into(&mut self.id_buffer),
            "retry" if value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.retry_ms = value.parse().ok();
            }
            _ => panic!("a field that a browser would ignore: {field:?}"),
        }
    }

    fn dispatch(&mut self) {
        self.last_event_id.clone_from(&self.id_buffer);
        let mut data = std::mem::take(&mut self.data_buffer);
        let kind = std::mem::take(&mut self.type_buffer);
        if data.is_empty() {
            return;
        }
        assert_eq!(data.pop(), Some('\n'));
        let kind = if kind.is_empty() { "message".to_owned() } else { kind };
        self.events.push(Event { kind, data, last_event_id: self.last_event_id.clone() });
    }
}
