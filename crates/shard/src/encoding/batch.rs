//! A run of publications as bytes.

use std::sync::Arc;

use switchboard_dialects::{Dialect, Label, write_head};
use switchboard_hub::Publication;

use super::position_header::PositionHeader;

/// A batch is at most this, unless a single publication is larger.
pub(crate) const BATCH_BYTES_MAX: usize = 64 << 10;

/// Beyond this, what one large publication took is given back.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// A run of publications in one dialect, contiguous. Its buffers are reused.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    /// Where each publication ends in `bytes`. Not kept for frames, which know their length.
    ends: Vec<usize>,
    id: String,
}

impl Batch {
    /// The bytes of `publications`: of a single frame its own, of all else a copy.
    pub(crate) fn fill<'a>(
        &'a mut self,
        dialect: Dialect,
        publications: &'a [Arc<Publication>],
        header: &PositionHeader,
    ) -> &'a [u8] {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES_MAX);
        self.ends.clear();
        match (dialect, publications) {
            (Dialect::Plain, [single]) => return single.frame(),
            (Dialect::Plain, _) => {
                for publication in publications {
                    self.bytes.extend_from_slice(publication.frame());
                }
            }
            _ => {
                for nth in 0..publications.len() {
                    self.push(dialect, publications, nth, header);
                }
            }
        }
        &self.bytes
    }

    fn push(
        &mut self,
        dialect: Dialect,
        publications: &[Arc<Publication>],
        nth: usize,
        header: &PositionHeader,
    ) {
        let publication = &publications[nth];
        if dialect.has_positions() {
            header.write_id(publication.position(), &mut self.id);
        }
        let chain = header.chain.before(publications, nth);
        let label = Label { id: &self.id, channel: header.channel.as_ref(), chain };
        let shape = write_head(dialect, publication, label, &mut self.bytes);
        self.bytes.extend_from_slice(shape.body.of(publication));
        self.bytes.extend_from_slice(shape.tail);
        self.ends.push(self.bytes.len());
    }

    /// Where the run was cut by a send that took `taken` bytes of it: how many publications went out
    /// whole, and how much of the next.
    pub(crate) fn cut_at(&self, publications: &[Arc<Publication>], taken: usize) -> (usize, usize) {
        let mut start = 0;
        for (whole, publication) in publications.iter().enumerate() {
            let end = match self.ends.get(whole) {
                Some(end) => *end,
                None => start + publication.frame().len(),
            };
            if taken < end {
                return (whole, taken - start);
            }
            start = end;
        }
        (publications.len(), 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::{Chain, Partial};
    use switchboard_dialects::centrifuge::Framing;
    use switchboard_hub::{Accounting, ChannelName, Draft, Epoch, Kind, Position};

    const DIALECTS: [Dialect; 14] = [
        Dialect::Plain,
        Dialect::V1,
        Dialect::ChunkedEventStream,
        Dialect::EventStream,
        Dialect::Centrifuge(Framing::Message),
        Dialect::Centrifuge(Framing::ChunkedLine),
        Dialect::Centrifuge(Framing::Line),
        Dialect::Centrifuge(Framing::ChunkedEvent),
        Dialect::Centrifuge(Framing::Event),
        Dialect::CentrifugePresence(Framing::Message),
        Dialect::CentrifugePresence(Framing::ChunkedLine),
        Dialect::CentrifugePresence(Framing::Line),
        Dialect::CentrifugePresence(Framing::ChunkedEvent),
        Dialect::CentrifugePresence(Framing::Event),
    ];

    fn publications() -> Vec<Arc<Publication>> {
        let accounting = Arc::new(Accounting::default());
        let epoch = Epoch::from_random(5);
        let publication = |(offset, text): (u64, &str)| {
            let draft = Draft::new(Kind::Text, text.as_bytes());
            Publication::new(Position { epoch, offset }, (0, 0), draft, &accounting)
        };
        [(7, "one"), (8, "two\nlines"), (9, "")].into_iter().map(publication).collect()
    }

    fn headers() -> [PositionHeader; 4] {
        let several = PositionHeader {
            before: "aaaaaaaa-1".to_owned(),
            after: ",bbbbbbbb-2".to_owned(),
            channel: Some(ChannelName::new("b").unwrap()),
            chain: Chain::None,
        };
        let none = PositionHeader::default();
        let last = Chain::Behind(Arc::clone(&publications()[2]));
        let (first, behind) = (none.clone().behind(Chain::First), none.clone().behind(last));
        [none, several, first, behind]
    }

    #[test]
    fn a_cut_anywhere_leaves_exactly_the_rest() {
        let publications = publications();
        for dialect in DIALECTS {
            for header in headers() {
                let mut batch = Batch::default();
                let all = batch.fill(dialect, &publications, &header).to_vec();
                for taken in 0..=all.len() {
                    let (whole, offset) = batch.cut_at(&publications, taken);
                    let mut got = all[..taken].to_vec();
                    let mut next = whole;
                    if offset > 0 {
                        let mut rest =
                            Partial::new(dialect, (&publications, whole), &header, offset);
                        while !rest.next().is_empty() {
                            got.push(rest.next()[0]);
                            rest.advance(1);
                        }
                        next += 1;
                    }
                    let header = header.clone().behind(match (&header.chain, next) {
                        (chain, 0) | (chain @ Chain::None, _) => chain.clone(),
                        (_, next) => Chain::Behind(Arc::clone(&publications[next - 1])),
                    });
                    let mut others = Batch::default();
                    got.extend_from_slice(others.fill(dialect, &publications[next..], &header));
                    assert_eq!(got, all, "{dialect:?} cut at {taken}");
                }
            }
        }
    }

    #[test]
    fn the_position_has_those_of_the_other_channels_around_it() {
        let [_, several, ..] = headers();
        let mut id = String::new();
        several.write_id(publications()[0].position(), &mut id);
        let own = publications()[0].position();
        assert_eq!(id, format!("aaaaaaaa-1,{own},bbbbbbbb-2"));
    }
}
