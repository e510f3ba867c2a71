//! The test's side of the simulated network: the clients.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use super::client::{Client, ClientId, ClientState, InboundEnd};
use super::hook::Hook;
use super::world::World;
use super::{SimConfig, SimPlane};
use crate::ConnId;

/// Lets a test play all the clients of a [`SimPlane`]. Clones are the same network.
#[derive(Clone, Debug)]
pub struct SimNet(Rc<RefCell<World>>);

impl SimNet {
    /// A network and the server's plane on it. The same seed and the same calls give the same
    /// events.
    pub fn new(seed: u64, config: SimConfig) -> (SimPlane, Self) {
        let world = Rc::new(RefCell::new(World::new(seed, config)));
        (SimPlane::new(Rc::clone(&world)), Self(world))
    }

    /// A client connects and waits to be accepted; it is reset when the server has stopped
    /// accepting. It may write at once.
    pub fn connect(&self, peer: SocketAddr) -> ClientId {
        self.connect_to(0, peer)
    }

    /// The same, to one of the server's listeners.
    pub fn connect_to(&self, listener: u16, peer: SocketAddr) -> ClientId {
        let mut world = self.0.borrow_mut();
        let client = world.add(Client::new(peer, listener));
        world.enqueue(client);
        client
    }

    /// The client sends bytes. When the server has closed, they are answered by RST.
    pub fn write(&self, client: ClientId, bytes: &[u8]) {
        let mut world = self.0.borrow_mut();
        if world.closed_by_server(client) {
            world.client(client).fail();
            return;
        }
        world.client(client).inbound.extend(bytes);
        world.touch(client);
    }

    /// What the client has received since the last call, in order.
    pub fn read(&self, client: ClientId) -> Vec<u8> {
        std::mem::take(&mut self.0.borrow_mut().client(client).read)
    }

    /// Calls `act` each time the server has sent a client something, in the middle of
    /// [`Plane::send_batch`](crate::Plane::send_batch). It may use this network, but not the plane,
    /// which is sending.
    pub fn on_send(&self, act: impl FnMut(ClientId) + 'static) {
        self.0.borrow_mut().on_send = Some(Hook::new(act));
    }

    /// The client stops reading (the kernels then take `room_bytes` and no more), or goes on.
    pub fn stall(&self, client: ClientId, stalled: bool) {
        let mut world = self.0.borrow_mut();
        world.client(client).stalled = stalled;
        world.client(client).deliver();
        world.touch(client);
    }

    /// The client sends FIN and goes on reading.
    pub fn half_close(&self, client: ClientId) {
        let mut world = self.0.borrow_mut();
        world.client(client).inbound_end = InboundEnd::Fin;
        world.touch(client);
    }

    /// The client sends RST: the server reads what came before it, and can send nothing more.
    pub fn reset(&self, client: ClientId) {
        let mut world = self.0.borrow_mut();
        world.client(client).inbound_end = InboundEnd::Reset;
        world.touch(client);
    }

    /// What the client knows about its connection.
    pub fn state(&self, client: ClientId) -> ClientState {
        self.0.borrow_mut().client(client).state
    }

    /// The server's name of the connection, until the server closes it.
    pub fn conn(&self, client: ClientId) -> Option<ConnId> {
        self.0.borrow_mut().client(client).conn
    }

    /// Connections that the server holds: accepted or dialled, and not closed.
    pub fn live(&self) -> usize {
        self.0.borrow().live()
    }

    /// The next connection that the server dialled (`Plane::connect`), and where to. It waits for
    /// `answer`.
    pub fn dialled(&self) -> Option<(ClientId, SocketAddr)> {
        let mut world = self.0.borrow_mut();
        let client = world.dialled.pop_front()?;
        let to = world.client(client).peer;
        Some((client, to))
    }

    /// Accepts a dialled connection (None) or refuses it with an errno.
    pub fn answer(&self, client: ClientId, error: Option<i32>) {
        let mut world = self.0.borrow_mut();
        world.client(client).answer = Some(error.unwrap_or(0));
        world.touch(client);
    }
}
