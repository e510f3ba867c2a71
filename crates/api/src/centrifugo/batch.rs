//! The commands of a batch.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::command::read;
use super::error::Unread;

/// Several commands, as they are written.
#[derive(Debug)]
pub struct Batch<'a> {
    /// In their order.
    pub commands: Vec<BatchCommand<'a>>,
}

/// One of them.
#[derive(Debug)]
pub struct BatchCommand<'a> {
    /// Its method; none where the object does not have exactly one.
    pub method: Option<String>,
    /// What the method is given.
    pub params: &'a [u8],
}

#[derive(Debug, Deserialize)]
struct Written<'a> {
    #[serde(borrow)]
    commands: Option<Vec<BTreeMap<String, &'a RawValue>>>,
}

impl<'a> Batch<'a> {
    /// Reads a body.
    pub fn read(body: &'a [u8]) -> Result<Self, Unread> {
        let written: Written<'a> = read(body)?;
        let commands = written.commands.unwrap_or_default().into_iter();
        let commands = commands.map(|members| {
            let is_one = members.len() == 1;
            let (method, params) = members.into_iter().next().unzip();
            let params = params.map_or(&b"{}"[..], |params: &RawValue| params.get().as_bytes());
            BatchCommand { method: method.filter(|_| is_one), params }
        });
        Ok(Self { commands: commands.collect() })
    }

    /// All of them only publish.
    pub fn only_publishes(&self) -> bool {
        self.commands
            .iter()
            .all(|command| matches!(command.method.as_deref(), Some("publish" | "broadcast")))
    }
}
