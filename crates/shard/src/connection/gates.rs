//! Why nothing goes out to a connection, and why it is not read.

/// Why output is parked: what is said to the connection waits.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum OutputReason {
    /// The socket is full. It goes on when there is room.
    SocketFull = 1,
    /// The homes of its channels have not all answered, so it has not begun.
    AwaitingHome = 1 << 1,
}

/// Why input is parked: the connection is not read.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum InputReason {
    /// Much of what it asked for has not gone out to it yet.
    Output = 1 << 4,
    /// It publishes, and a mailbox is over its bound.
    Mailbox = 1 << 5,
    /// It has requests that wait for the end of this stage or for mail that is not read yet.
    Later = 1 << 6,
    /// Its request is being answered, or as many messages are under way as may be.
    Answer = 1 << 7,
    /// There is no room for more of the body of its request.
    Room = 1 << 3,
}

const OUTPUT: u8 = 0x03;
const INPUT: u8 = 0xf8;
/// It is in the queue of those that are looked at again.
const QUEUED: u8 = 1 << 2;

/// All reasons of a connection, one bit for each.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Gates(u8);

impl Gates {
    pub(crate) fn is_output_parked(self) -> bool {
        self.0 & OUTPUT != 0
    }

    pub(crate) fn is_input_parked(self) -> bool {
        self.0 & INPUT != 0
    }

    pub(crate) fn awaits_home(self) -> bool {
        self.0 & OutputReason::AwaitingHome as u8 != 0
    }

    pub(crate) fn awaits_room(self) -> bool {
        self.0 & OutputReason::SocketFull as u8 != 0
    }

    pub(crate) fn awaits_answer(self) -> bool {
        self.0 & InputReason::Answer as u8 != 0
    }

    pub(crate) fn park_output(&mut self, reason: OutputReason) {
        self.0 |= reason as u8;
    }

    /// The homes have answered: it goes on as if its socket had been full. False when it did not wait
    /// for them.
    pub(crate) fn await_room_after_home(&mut self) -> bool {
        let awaited = self.awaits_home();
        if awaited {
            self.0 &= !OUTPUT;
            self.park_output(OutputReason::SocketFull);
        }
        awaited
    }

    pub(crate) fn open_output(&mut self) {
        self.0 &= !OUTPUT;
    }

    /// It is to be looked at again. False when it is in the queue for that already.
    pub(crate) fn queue(&mut self) -> bool {
        let is_new = self.0 & QUEUED == 0;
        self.0 |= QUEUED;
        is_new
    }

    /// It is looked at now.
    pub(crate) fn unqueue(&mut self) {
        self.0 &= !QUEUED;
    }

    /// Takes all reasons away for which it is not read. True when there were some.
    pub(crate) fn open_input(&mut self) -> bool {
        let was_parked = self.is_input_parked();
        self.0 &= !INPUT;
        was_parked
    }

    /// True when the reason is a new one.
    pub(crate) fn park_input(&mut self, reason: InputReason) -> bool {
        let before = self.0;
        self.0 |= reason as u8;
        before != self.0
    }

    /// Takes reasons away. True when no other is left and some were there.
    pub(crate) fn unpark_input(&mut self, reasons: &[InputReason]) -> bool {
        let was_parked = self.is_input_parked();
        for reason in reasons {
            self.0 &= !(*reason as u8);
        }
        was_parked && !self.is_input_parked()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_goes_on_when_the_last_reason_is_gone() {
        let mut gates = Gates::default();
        assert!(gates.park_input(InputReason::Later));
        assert!(!gates.park_input(InputReason::Later));
        assert!(gates.park_input(InputReason::Room));
        assert!(!gates.unpark_input(&[InputReason::Output, InputReason::Later]));
        assert!(gates.unpark_input(&[InputReason::Room]));
        assert!(!gates.unpark_input(&[InputReason::Room]), "it was open");
        assert!(gates.queue() && !gates.queue() && !gates.is_input_parked());
        gates.unqueue();
        assert!(gates.queue());
        assert!(gates.park_input(InputReason::Answer) && gates.open_input() && !gates.open_input());
        assert!(!gates.is_output_parked());
    }

    #[test]
    fn a_connection_waits_for_room_once_its_homes_have_answered() {
        let mut gates = Gates::default();
        assert!(!gates.await_room_after_home());
        gates.park_output(OutputReason::AwaitingHome);
        assert!(gates.is_output_parked() && !gates.awaits_room());
        assert!(gates.await_room_after_home());
        assert!(gates.awaits_room() && !gates.awaits_home());
        gates.open_output();
        assert_eq!(gates, Gates::default());
    }
}
