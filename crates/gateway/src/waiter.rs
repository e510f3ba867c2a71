//! Who waits for what becomes of a message.

use std::fmt;

use switchboard_hub::{Message, Published, Receipt, ReplyTo, Unpublished};

use crate::out::{Out, Reply};

/// Who waits for what becomes of a message.
pub(crate) enum Waiter {
    /// Nobody.
    Nobody,
    /// A client, or a backend, on a shard.
    Shard(ReplyTo),
    /// A program.
    Program(Reply<Published>),
    /// A program that deletes a channel.
    Deleter(Reply<Result<bool, Unpublished>>),
    /// A client that goes on behind it.
    Reader(ReplyTo),
}

impl Waiter {
    /// The message was stored.
    pub(crate) fn stored(self, receipt: Receipt, out: &mut Out) {
        match self {
            Self::Deleter(reply) => out.reply(reply, Ok(true)),
            other => other.tell(Ok(receipt), out),
        }
    }

    /// It was not, or nobody knows.
    pub(crate) fn failed(self, error: Unpublished, out: &mut Out) {
        match self {
            Self::Deleter(reply) => out.reply(reply, Err(error)),
            other => other.tell(Err(error), out),
        }
    }

    /// It is a client that goes on, not a publisher.
    pub(crate) fn is_reader(&self) -> bool {
        matches!(self, Self::Reader(_))
    }

    /// The position is there, or will not be.
    pub(crate) fn answer_reader(self, out: &mut Out) {
        if let Self::Reader(to) = self {
            out.mail.push((to.shard, Message::Reached { to }));
        }
    }

    fn tell(self, published: Published, out: &mut Out) {
        match self {
            Self::Shard(to) => out.mail.push((to.shard, Message::Published { to, published })),
            Self::Program(reply) => out.reply(reply, published),
            reader @ Self::Reader(_) => reader.answer_reader(out),
            Self::Nobody | Self::Deleter(_) => {}
        }
    }
}

impl fmt::Debug for Waiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("Nobody"),
            Self::Shard(to) => f.debug_tuple("Shard").field(to).finish(),
            Self::Program(_) => f.write_str("Program"),
            Self::Deleter(_) => f.write_str("Deleter"),
            Self::Reader(to) => f.debug_tuple("Reader").field(to).finish(),
        }
    }
}
