//! Publications that were read, to be compared with what was written.

use std::sync::Arc;

use switchboard_api::{Item, ItemLimits};
use switchboard_hub::{Accounting, ChannelName, Draft, Epoch, Kind, Position, Publication};

/// Small, so that inputs reach it.
pub(crate) const LIMITS: ItemLimits = ItemLimits { payload_bytes_max: 300 };

/// What a publication says.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Published {
    pub(crate) channel: String,
    pub(crate) kind: Kind,
    pub(crate) payload: Vec<u8>,
    pub(crate) content_type: Option<String>,
    pub(crate) event: Option<String>,
    pub(crate) tags: Option<String>,
}

impl Published {
    /// One that was read, which must keep all rules of publications.
    pub(crate) fn of(name: &ChannelName, draft: Draft) -> Self {
        let position = Position { epoch: Epoch::from_random(3), offset: 9 };
        let it = Publication::new(position, (0, 0), draft, &Arc::new(Accounting::default()));
        assert_eq!(ChannelName::new(name.as_str()).as_ref(), Ok(name));
        assert!(it.payload().len() <= LIMITS.payload_bytes_max);
        assert!(it.kind() == Kind::Binary || str::from_utf8(it.payload()).is_ok());
        for label in [it.content_type(), it.event()].into_iter().flatten() {
            assert!((1..=255).contains(&label.len()) && !label.contains(char::is_control));
        }
        assert!(it.content_type().is_none_or(str::is_ascii));
        assert!(!matches!(it.event(), Some("gap" | "binary" | "open" | "error")));
        let text = |text: Option<&str>| text.map(str::to_owned);
        Self {
            channel: name.to_string(),
            kind: it.kind(),
            payload: it.payload().to_vec(),
            content_type: text(it.content_type()),
            event: text(it.event()),
            tags: text(it.tags()),
        }
    }

    /// One of a batch.
    pub(crate) fn of_item(item: Item) -> Self {
        Self::of(&item.name, item.draft)
    }
}
