//! The mail of a home of channels that is no shard.

use std::fmt;
use std::sync::Arc;

use switchboard_hub::{Message, Outbox, ShardId};

use crate::command::Command;
use crate::exchange::{Exchange, Mail, Wake};
use crate::run::Clock;
use crate::turn::Common;

/// The mail of the thread that is the home of all channels where no shard is: shards of several nodes share
/// them. Its id follows those of the shards.
pub struct GatewayMail {
    exchange: Exchange,
    clock: Clock,
}

/// A piece of its mail.
#[derive(Debug)]
pub enum ToGateway {
    /// From the hub of a shard.
    Hub(Message),
    /// From a program.
    Command(Command),
}

impl GatewayMail {
    /// The end of the mail of the gateway of `common`; none where it has none. `wake` is called from any thread
    /// when mail comes while it sleeps.
    pub fn new(
        common: &Common,
        clock: Clock,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Option<Self> {
        let counters = Arc::clone(&common.gateway.as_ref()?.counters);
        let (mailboxes, shards) = common.mailboxes();
        let id = ShardId(u16::try_from(shards).ok()?);
        let exchange = Exchange::new(id, (mailboxes, shards), counters, Wake::new(wake));
        Some(Self { exchange, clock })
    }

    /// Its id.
    pub fn id(&self) -> ShardId {
        // `new` has looked whether it fits.
        ShardId(self.exchange.shards() as u16)
    }

    /// The time, as the shards know it, in milliseconds.
    pub fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// The finer clock that all shards share.
    pub fn fine_us(&self) -> u32 {
        self.clock.now_us() as u32
    }

    /// The next piece of mail. None when all is read, or enough for now: then call
    /// [`post`](Self::post).
    pub fn read(&mut self) -> Option<ToGateway> {
        loop {
            return Some(match self.exchange.read()? {
                Mail::Hub(message) => ToGateway::Hub(message),
                Mail::Command(command) => ToGateway::Command(command),
                // For those who have connections.
                Mail::Presence(_)
                | Mail::Answer(..)
                | Mail::Verdict(..)
                | Mail::Emulate(_)
                | Mail::Emulated(..) => continue,
            });
        }
    }

    /// What was read is handled, and this is for the shards.
    pub fn post(&mut self, mail: &mut Outbox) {
        self.exchange.end_reading();
        self.exchange.outbox.append(mail);
        self.exchange.post();
    }

    /// Some mailbox of a shard holds as much as it may: it has enough to do.
    pub fn is_over_bound(&mut self) -> bool {
        self.exchange.check_bound()
    }

    /// Call right before sleeping. False when mail came meanwhile: then do not sleep.
    pub fn try_sleep(&self) -> bool {
        self.exchange.try_sleep()
    }

    /// Call after sleeping, whatever ended it.
    pub fn awake(&self) {
        self.exchange.awake();
    }
}

impl fmt::Debug for GatewayMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GatewayMail").field(&self.exchange).finish()
    }
}
