//! Text with placeholders: paths, channel names, bodies of publications.

/// What placeholders stand for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Values<'a> {
    /// `{i}`: the number of the connection, from 0.
    pub(crate) number: u32,
    /// `{k}`: the number of the channel, from 0.
    pub(crate) channel_number: u32,
    /// `{channel}`: the name of the channel.
    pub(crate) channel: &'a str,
    /// `{run}`: eight characters that differ from run to run.
    pub(crate) run: &'a str,
    /// `{payload}`: what is published.
    pub(crate) payload: &'a str,
}

/// A text that was searched for placeholders once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Number,
    ChannelNumber,
    Channel,
    Run,
    Payload,
}

const PLACEHOLDERS: [(&str, Part); 5] = [
    ("{i}", Part::Number),
    ("{k}", Part::ChannelNumber),
    ("{channel}", Part::Channel),
    ("{run}", Part::Run),
    ("{payload}", Part::Payload),
];

/// A brace in a place where it can only be a misspelt placeholder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no placeholder: there are {{i}}, {{k}}, {{channel}} and {{run}}")]
pub(crate) struct TemplateError(String);

impl Template {
    /// A text in which braces may also be just braces, such as JSON.
    pub(crate) fn loose(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut literal = 0;
        let mut at = 0;
        while let Some(brace) = text[at..].find('{') {
            at += brace;
            let found = PLACEHOLDERS.iter().find(|(name, _)| text[at..].starts_with(name));
            let Some((name, part)) = found else {
                at += 1;
                continue;
            };
            if literal < at {
                parts.push(Part::Text(text[literal..at].to_owned()));
            }
            parts.push(part.clone());
            at += name.len();
            literal = at;
        }
        if literal < text.len() {
            parts.push(Part::Text(text[literal..].to_owned()));
        }
        Self(parts)
    }

    /// A text in which a brace is always a placeholder, and the payload has no place: a path or a
    /// channel's name.
    pub(crate) fn strict(text: &str) -> Result<Self, TemplateError> {
        let template = Self::loose(text);
        for part in &template.0 {
            match part {
                Part::Text(text) => {
                    if let Some(at) = text.find(['{', '}']) {
                        let end = text[at..].find('}').map_or(text.len(), |end| at + end + 1);
                        return Err(TemplateError(text[at..end].to_owned()));
                    }
                }
                Part::Payload => return Err(TemplateError("{payload}".to_owned())),
                _ => {}
            }
        }
        Ok(template)
    }

    /// Whether `{payload}` is in it.
    pub(crate) fn has_payload(&self) -> bool {
        self.0.contains(&Part::Payload)
    }

    /// Whether different channels give different texts.
    pub(crate) fn tells_channels_apart(&self) -> bool {
        self.0.contains(&Part::Channel) || self.0.contains(&Part::ChannelNumber)
    }

    /// Whether different runs give different texts.
    pub(crate) fn tells_runs_apart(&self) -> bool {
        self.0.contains(&Part::Run)
    }

    /// Appends the text with the values in place.
    pub(crate) fn write(&self, values: &Values<'_>, out: &mut Vec<u8>) {
        for part in &self.0 {
            match part {
                Part::Text(text) => out.extend_from_slice(text.as_bytes()),
                Part::Number => out.extend_from_slice(values.number.to_string().as_bytes()),
                Part::ChannelNumber => {
                    out.extend_from_slice(values.channel_number.to_string().as_bytes());
                }
                Part::Channel => out.extend_from_slice(values.channel.as_bytes()),
                Part::Run => out.extend_from_slice(values.run.as_bytes()),
                Part::Payload => out.extend_from_slice(values.payload.as_bytes()),
            }
        }
    }

    /// The text with the values in place.
    pub(crate) fn render(&self, values: &Values<'_>) -> String {
        let mut out = Vec::new();
        self.write(values, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: Values<'_> = Values {
        number: 7,
        channel_number: 3,
        channel: "load-3",
        run: "ab12cd34",
        payload: "hello",
    };

    #[test]
    fn placeholders_are_replaced_wherever_they_stand() {
        for (text, expected) in [
            ("/sub/{channel}?n={i}&k={k}", "/sub/load-3?n=7&k=3"),
            ("{run}{run}", "ab12cd34ab12cd34"),
            ("", ""),
            ("plain", "plain"),
        ] {
            assert_eq!(Template::strict(text).unwrap().render(&VALUES), expected);
        }
    }

    #[test]
    fn a_body_may_have_braces_of_its_own() {
        let body = r#"{"channel":"{channel}","data":{"text":"{payload}"}}"#;
        let template = Template::loose(body);
        assert!(template.has_payload() && template.tells_channels_apart());
        assert_eq!(template.render(&VALUES), r#"{"channel":"load-3","data":{"text":"hello"}}"#);
        assert_eq!(Template::loose("{payload").render(&VALUES), "{payload");
    }

    #[test]
    fn a_misspelt_placeholder_in_a_path_is_told() {
        for (text, wrong) in [
            ("/sub/{chan}", "{chan}"),
            ("/sub/{n", "{n"),
            ("/sub/n}", "}"),
            ("/sub/{payload}", "{payload}"),
        ] {
            assert_eq!(Template::strict(text), Err(TemplateError(wrong.to_owned())), "{text}");
        }
    }
}
