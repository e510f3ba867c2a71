//! A simulated network in memory, for tests that must be reproducible.
//!
//! [`SimNet`] is the test's side: it plays the clients. [`SimPlane`] is the server's side. Nothing
//! happens between the calls, so a test drives both sides in turn and needs no threads. With
//! `faults` on, the network cuts receives and sends short, holds events back for some polls and
//! changes the order between connections (never within one), all from the seed.
//!
//! [`SimNet::on_send`] lets a client act as soon as it has received, while the server is still in the
//! middle of its turn.

mod client;
mod config;
mod hook;
mod net;
mod random;
#[cfg(test)]
mod tests;
mod world;

use std::cell::RefCell;
use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::sync::Arc;

pub use client::{ClientId, ClientState};
pub use config::SimConfig;
pub use net::SimNet;

use crate::arena::Arena;
use crate::slots::{Flags, Share};
use crate::wake::EventFd;
use crate::{Chunk, Close, ConnId, Event, Plane, PlaneStats, SendException, SendResult, Waker};
use client::Client;
use world::World;

/// Events of one poll at most.
const EVENTS_MAX: usize = 1_024;

/// The server's side of a simulated network.
#[derive(Debug)]
pub struct SimPlane {
    world: Rc<RefCell<World>>,
    arena: Arena,
    wake: Arc<EventFd>,
}

impl SimPlane {
    fn new(world: Rc<RefCell<World>>) -> Self {
        let config = world.borrow().config.clone();
        let wake = Arc::clone(&world.borrow().wake);
        let arena = Arena::new(config.receives_max, config.receive_bytes_max);
        Self { world, arena, wake }
    }

    /// Lets the client act on what it has just been sent. The network is not borrowed meanwhile, and
    /// what the hook causes does not call it again.
    fn call_on_send(&self, conn: ConnId) {
        let mut world = self.world.borrow_mut();
        let Some((.., client)) = world.get(conn) else {
            return;
        };
        let Some(mut hook) = world.on_send.take() else {
            return;
        };
        drop(world);
        hook.call(client);
        self.world.borrow_mut().on_send.get_or_insert(hook);
    }
}

impl Plane for SimPlane {
    fn name(&self) -> &'static str {
        "sim"
    }

    fn poll(&mut self, events: &mut Vec<Event>) -> io::Result<()> {
        self.wake.clear();
        self.arena.reset();
        let events_max = events.len() + EVENTS_MAX;
        let mut world = self.world.borrow_mut();
        world.accept(events, events_max);
        world.visit(&mut self.arena, events, events_max);
        Ok(())
    }

    fn received(&mut self, at: Chunk) -> &mut [u8] {
        self.arena.bytes(at)
    }

    fn has_more(&self) -> bool {
        self.world.borrow().has_more()
    }

    fn send_batch<'b, I>(&mut self, sends: I, exceptions: &mut Vec<SendException>)
    where
        I: IntoIterator<Item = (ConnId, &'b [u8])>,
    {
        let mut batch = HashSet::new();
        for (conn, bytes) in sends {
            assert!(batch.insert(conn), "{conn:?} stands twice in a batch");
            if bytes.is_empty() {
                continue;
            }
            let mut world = self.world.borrow_mut();
            let result = world.send(conn, bytes);
            if let Some(result) = result {
                world.stats.count(result);
                exceptions.push(SendException { conn, result });
            }
            drop(world);
            if matches!(result, None | Some(SendResult::Short(_))) {
                self.call_on_send(conn);
            }
        }
    }

    fn pause_read(&mut self, conn: ConnId) {
        if let Some((flags, ..)) = self.world.borrow_mut().get(conn) {
            flags.set(Flags::PAUSED);
        }
    }

    fn resume_read(&mut self, conn: ConnId) {
        let mut world = self.world.borrow_mut();
        let Some((flags, _, client)) = world.get(conn) else {
            return;
        };
        flags.clear(Flags::PAUSED);
        world.touch(client);
    }

    fn want_write(&mut self, conn: ConnId) {
        let mut world = self.world.borrow_mut();
        let Some((flags, _, client)) = world.get(conn) else {
            return;
        };
        flags.set(Flags::WANTS_WRITE);
        world.touch(client);
    }

    fn shutdown_write(&mut self, conn: ConnId) {
        if let Some((_, client, _)) = self.world.borrow_mut().get(conn) {
            client.finish();
        }
    }

    fn close(&mut self, conn: ConnId, how: Close) {
        let mut world = self.world.borrow_mut();
        let Some((_, client, _)) = world.get(conn) else {
            return;
        };
        client.close(how);
        world.release(conn);
    }

    fn hold_off(&mut self, below: u16) {
        self.world.borrow_mut().hold_off(below);
    }

    fn waiting(&self, below: u16) -> u32 {
        self.world.borrow().waiting(below)
    }

    fn close_listeners(&mut self, below: u16) {
        self.world.borrow_mut().close_listeners(below);
    }

    fn connect(&mut self, to: SocketAddr, _from: Option<IpAddr>) -> io::Result<ConnId> {
        let mut world = self.world.borrow_mut();
        let client = world.add(Client::new(to, 0));
        let conn = world.open(client, Flags::CONNECTING, Share::Common);
        let conn = conn.ok_or_else(|| io::Error::from_raw_os_error(libc::ENFILE))?;
        world.dialled.push_back(client);
        world.stats.connects += 1;
        Ok(conn)
    }

    fn wait_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    fn waker(&self) -> Waker {
        Waker(Arc::clone(&self.wake))
    }

    fn stats(&self) -> PlaneStats {
        let world = self.world.borrow();
        PlaneStats { connections: world.live() as u64, ..world.stats }
    }
}
