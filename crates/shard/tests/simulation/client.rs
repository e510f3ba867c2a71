//! One client: it connects, listens in its way, is cut off, and comes back with what it has seen.

use switchboard_hub::OnGap;
use switchboard_plane::sim::{ClientId, ClientState, SimNet};
use switchboard_ws::close::write_close;
use switchboard_ws::frame::{self, Opcode};

use crate::course::{Course, Facts, Start};
use crate::event_stream::EventStream;
use crate::plan::{CHANNELS, LOBBY};
use crate::poll::{End, Polls};
use crate::random::Random;
use crate::websocket::{MASK, WebSocket};

/// How it listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Plain,
    V1,
    EventStream,
    Poll { waits: bool, json: bool },
}

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) way: Way,
    pub(crate) course: Course,
    /// Now and then it begins anew though it could resume.
    pub(crate) roams: bool,
    pub(crate) line: Option<Line>,
}

/// A connection of a client.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) id: ClientId,
    pub(crate) shard: usize,
    pub(crate) stalled: bool,
    half_closed: bool,
    speaks: Speaks,
}

#[derive(Debug)]
enum Speaks {
    WebSocket(Box<WebSocket>),
    EventStream(EventStream),
    Polls(Polls),
}

impl Client {
    pub(crate) fn new(nth: usize, random: &mut Random) -> Self {
        let json = random.one_in(2);
        let way = match nth % 6 {
            // Somebody publishes.
            0 | 1 => Way::Plain,
            2 => Way::V1,
            3 => Way::EventStream,
            4 => Way::Poll { waits: true, json },
            _ => Way::Poll { waits: random.one_in(3), json },
        };
        let mut channels = if nth == 0 { vec![LOBBY.to_owned()] } else { Vec::new() };
        let count = [1, 1, 2, 3][random.below(4)];
        while nth > 0 && channels.len() < count {
            let channel = (*random.pick(&CHANNELS)).to_owned();
            if !channels.contains(&channel) {
                channels.push(channel);
            }
        }
        let gap = if random.one_in(2) { OnGap::Now } else { OnGap::Earliest };
        Self { way, course: Course::new(channels, gap), roams: true, line: None }
    }

    /// Connects and asks.
    pub(crate) fn connect(
        &mut self,
        (net, shard): (&SimNet, usize),
        port: u16,
        random: &mut Random,
        facts: Facts<'_>,
        now_ms: u64,
    ) {
        let id = net.connect(([127, 0, 0, 1], port).into());
        let (speaks, request) = match self.way {
            Way::Plain | Way::V1 => {
                self.course.ask(self.next_start(random, now_ms), facts.record);
                let (websocket, request) = WebSocket::new(&self.course, self.way == Way::V1);
                (Speaks::WebSocket(Box::new(websocket)), request)
            }
            Way::EventStream => {
                self.course.ask(self.next_start(random, now_ms), facts.record);
                let (by_header, is_chunked) = (random.one_in(2), !random.one_in(4));
                let (event_stream, request) = EventStream::new(&self.course, by_header, is_chunked);
                (Speaks::EventStream(event_stream), request)
            }
            Way::Poll { waits, json } => (Speaks::Polls(Polls::new(waits, json)), String::new()),
        };
        net.write(id, request.as_bytes());
        self.line = Some(Line { id, shard, stalled: false, half_closed: false, speaks });
        self.poll(net, random, facts, now_ms);
    }

    fn next_start(&self, random: &mut Random, now_ms: u64) -> Start {
        let fresh = !self.course.can_resume() || (self.roams && random.one_in(12));
        match (fresh, random.below(4)) {
            (false, _) => Start::Seen,
            (true, 0) => Start::Earliest,
            (true, 1) => Start::Latest,
            (true, 2) if matches!(self.way, Way::Poll { .. }) => Start::Second(now_ms / 1_000),
            (true, _) => Start::Now,
        }
    }

    /// A poll asks again when its answer is there, now and then several times at once.
    pub(crate) fn poll(
        &mut self,
        net: &SimNet,
        random: &mut Random,
        facts: Facts<'_>,
        now_ms: u64,
    ) {
        let start = self.next_start(random, now_ms);
        let Some(Line { id, half_closed: false, speaks: Speaks::Polls(polls), .. }) =
            &mut self.line
        else {
            return;
        };
        if polls.end != End::Open || !polls.is_idle() {
            return;
        }
        self.course.ask(start, facts.record);
        let mut requests = String::new();
        for _ in 0..[1, 1, 1, 2, 3][random.below(5)] {
            if polls.end != End::Open {
                break;
            }
            if random.one_in(6) {
                requests += polls.ask_health();
            }
            requests += &polls.ask(&self.course, random.one_in(6));
        }
        if polls.end != End::Open && random.one_in(2) {
            // What follows the last request is dropped, however much it is.
            requests += &"GET /health HTTP/1.1\r\n\r\n".repeat(random.below(2_000));
        }
        // Half a request, and the rest behind it.
        let (first, rest) = requests.split_at(random.below(requests.len()));
        net.write(*id, first.as_bytes());
        net.write(*id, rest.as_bytes());
    }

    /// Reads what came. A client that the server has left has no connection any more.
    pub(crate) fn read(&mut self, net: &SimNet, facts: Facts<'_>) {
        let Some(line) = &mut self.line else { return };
        let bytes = net.read(line.id);
        let over = match &mut line.speaks {
            Speaks::WebSocket(websocket) => {
                let pongs = websocket.read(&bytes, &mut self.course, facts);
                if !pongs.is_empty() && !line.half_closed {
                    net.write(line.id, &pongs);
                }
                if websocket.close_code.is_some() && !line.half_closed {
                    answer_close(net, line.id);
                }
                websocket.close_code.is_some()
            }
            Speaks::EventStream(event_stream) => {
                event_stream.read(&bytes, &mut self.course, facts);
                false
            }
            Speaks::Polls(polls) => {
                polls.read(&bytes, &mut self.course, facts);
                false
            }
        };
        let left = matches!(net.state(line.id), ClientState::Finished | ClientState::Reset);
        if left && !over && facts.is_watched && facts.plan.is_calm() {
            line.check_end(net);
        }
        if over || left {
            if net.state(line.id) == ClientState::Finished && !line.half_closed {
                net.half_close(line.id);
            }
            self.line = None;
        }
    }

    /// Leaves on its own: 0 as its protocol says, 1 with a reset, 2 with the end of its side.
    pub(crate) fn leave(&mut self, net: &SimNet, way: usize) {
        let Some(line) = &mut self.line else { return };
        let is_poll = matches!(line.speaks, Speaks::Polls(_));
        match way {
            0 if matches!(&line.speaks, Speaks::WebSocket(websocket) if websocket.is_open) => {
                answer_close(net, line.id);
            }
            2 => net.half_close(line.id),
            _ => net.reset(line.id),
        }
        line.half_closed = true;
        // Who asked and ended its side may read on.
        if way != 2 || !is_poll {
            self.line = None;
        }
    }

    /// Stops reading, or goes on.
    pub(crate) fn stall(&mut self, net: &SimNet, stalled: bool) {
        if let Some(line) = &mut self.line {
            line.stalled = stalled;
            net.stall(line.id, stalled);
        }
    }

    /// Says something to the channel that it listens to, if it can.
    pub(crate) fn publish(&mut self, net: &SimNet, payload: &[u8]) -> bool {
        let Some(Line { id, stalled: false, speaks: Speaks::WebSocket(websocket), .. }) =
            &mut self.line
        else {
            return false;
        };
        if !websocket.is_open || self.course.channels != [LOBBY] {
            return false;
        }
        let mut bytes = Vec::new();
        frame::write(&mut bytes, Opcode::Text, &websocket.publication(payload), MASK);
        net.write(*id, &bytes);
        true
    }

    /// A poll that the server holds, as far as the client can tell.
    pub(crate) fn waits(&self) -> bool {
        matches!(&self.line, Some(Line { speaks: Speaks::Polls(polls), .. }) if !polls.is_idle())
    }
}

impl Line {
    /// The server ended the connection without a word.
    fn check_end(&self, net: &SimNet) {
        assert_eq!(net.state(self.id), ClientState::Finished, "cut off for nothing: {self:?}");
        match &self.speaks {
            Speaks::WebSocket(_) => panic!("ended without a close frame: {self:?}"),
            Speaks::EventStream(event_stream) => {
                assert!(event_stream.has_ended(), "ended without the last chunk: {self:?}");
            }
            Speaks::Polls(polls) => {
                let gone = self.half_closed && polls.waits;
                let served = polls.is_idle() || polls.end == End::Said || gone;
                assert!(served, "not answered: {self:?}");
            }
        }
    }
}

fn answer_close(net: &SimNet, id: ClientId) {
    let mut bytes = Vec::new();
    write_close(&mut bytes, 1000, "", MASK);
    net.write(id, &bytes);
}
