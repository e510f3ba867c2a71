//! One or several targets, and which of them each connection has.

use std::net::IpAddr;

use super::Target;
use super::deal::Deal;
use super::sources::{Sources, SourcesError};

/// Targets of a run at most: what is measured is kept for each.
const TARGETS_MAX: usize = 64;

/// Where connections go: each to one of the targets, which is known by its number.
#[derive(Debug)]
pub(crate) struct Targets {
    all: Box<[Place]>,
    deal: Deal,
}

/// A target, and where connections to it come from.
#[derive(Debug)]
struct Place {
    target: Target,
    sources: Sources,
    /// What it is called beside the others.
    name: String,
}

/// Why these cannot be the targets.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TargetsError {
    #[error("{0} targets are more than the {TARGETS_MAX} that one run may have")]
    TooMany(usize),
    #[error("{0} is there twice: each target is named once")]
    Twice(String),
}

impl Targets {
    /// Of connections that are spread over `channels` in turn. The kernel chooses where they come
    /// from.
    pub(crate) fn new(all: Vec<Target>, channels: u32) -> Result<Self, TargetsError> {
        if all.len() > TARGETS_MAX {
            return Err(TargetsError::TooMany(all.len()));
        }
        let mut others = all.iter().enumerate();
        if let Some((_, twice)) =
            others.find(|(nth, one)| all[..*nth].iter().any(|o| o.url == one.url))
        {
            return Err(TargetsError::Twice(twice.url.clone()));
        }
        let deal = Deal::new((all.len() as u32).max(1), channels.max(1));
        let names: Vec<String> = (0..all.len()).map(|nth| name(&all, nth)).collect();
        let place = |(target, name)| Place { target, sources: Sources::default(), name };
        Ok(Self { all: all.into_iter().zip(names).map(place).collect(), deal })
    }

    /// The same, of `connections` that come from the addresses of `--sources`, or from as many of
    /// the loopback's as they need. `ports` is the width of the local port range.
    pub(crate) fn with_sources(
        mut self,
        given: Option<&str>,
        connections: u32,
        ports: u32,
    ) -> Result<Self, SourcesError> {
        let each = connections.div_ceil(self.count());
        let addresses: Vec<_> = self.all.iter().map(|place| place.target.address).collect();
        for place in &mut self.all {
            let address = place.target.address;
            // Ports are bounded for each destination, which several URLs may share.
            let same = addresses.iter().filter(|other| **other == address).count() as u32;
            place.sources = Sources::choose(given, address, each.saturating_mul(same), ports)?;
        }
        Ok(self)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u32 {
        self.all.len() as u32
    }

    /// The number of the target of connection `number`, where there are several.
    pub(crate) fn share_of(&self, number: u32) -> Option<usize> {
        (self.all.len() > 1).then(|| self.deal.target_of(number) as usize)
    }

    /// How many connections with smaller numbers have the same target.
    pub(crate) fn rank_of(&self, number: u32) -> u32 {
        self.deal.rank_of(number)
    }

    /// The target of connection `number`.
    pub(crate) fn of(&self, number: u32) -> &Target {
        &self.place(number).target
    }

    /// The local address of connection `number`; none leaves it to the kernel.
    pub(crate) fn source(&self, number: u32) -> Option<IpAddr> {
        self.place(number).sources.of(self.rank_of(number))
    }

    fn place(&self, number: u32) -> &Place {
        &self.all[self.share_of(number).unwrap_or_default()]
    }

    /// A text about connection `number`; where there are several targets, it says which.
    pub(crate) fn named(&self, number: u32, text: String) -> String {
        match self.share_of(number) {
            None => text,
            Some(nth) => format!("{}: {text}", self.all[nth].name),
        }
    }

    /// What they are called, where there are several: host and port, and which of those that have
    /// the same.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let several = self.all.len() > 1;
        self.all.iter().filter(move |_| several).map(|place| place.name.as_str())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Target> {
        self.all.iter().map(|place| &place.target)
    }

    /// As they were given, with blanks in between.
    pub(crate) fn urls(&self) -> String {
        self.iter().map(|target| target.url.as_str()).collect::<Vec<_>>().join(" ")
    }

    /// The local addresses, for people.
    pub(crate) fn sources(&self) -> String {
        let mut all: Vec<String> = self.all.iter().map(|place| place.sources.to_string()).collect();
        all.dedup();
        all.join(", ")
    }

    /// Whether all of them stay on this machine.
    pub(crate) fn are_loopback(&self) -> bool {
        self.iter().all(Target::is_loopback)
    }
}

/// Host and port, which may be those of several.
fn name(all: &[Target], nth: usize) -> String {
    let host = &all[nth].host;
    let same = |targets: &[Target]| targets.iter().filter(|other| other.host == *host).count();
    if same(all) == 1 { host.clone() } else { format!("{host} ({})", same(&all[..=nth])) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(urls: &[&str], channels: u32) -> Result<Targets, String> {
        let all = urls.iter().map(|url| Target::parse(url, "ws").unwrap()).collect();
        Targets::new(all, channels).map_err(|error| error.to_string())
    }

    #[test]
    fn one_target_has_all_connections_and_no_name() {
        let one = targets(&["ws://127.0.0.1:1/a"], 2).unwrap();
        assert_eq!((one.share_of(7), one.of(7).url.as_str()), (None, "ws://127.0.0.1:1/a"));
        assert_eq!((one.named(7, "text".to_owned()), one.names().count()), ("text".to_owned(), 0));
    }

    #[test]
    fn each_connection_has_a_target_and_what_is_said_of_it_names_that() {
        let two = targets(&["ws://127.0.0.1:1/a", "ws://[::1]:2/b"], 1).unwrap();
        assert_eq!((two.share_of(6), two.of(6).host.as_str()), (Some(0), "127.0.0.1:1"));
        assert_eq!(two.named(7, "text".to_owned()), "[::1]:2: text");
        assert_eq!(two.urls(), "ws://127.0.0.1:1/a ws://[::1]:2/b");
        assert!(two.are_loopback());
    }

    #[test]
    fn targets_at_one_host_are_numbered() {
        let three = targets(&["ws://127.0.0.1:1/a", "ws://127.0.0.1:2/", "ws://127.0.0.1:1/b"], 1);
        let three = three.unwrap();
        let names: Vec<_> = three.names().collect();
        assert_eq!(names, ["127.0.0.1:1 (1)", "127.0.0.1:2", "127.0.0.1:1 (2)"]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let twice = targets(&["ws://127.0.0.1:1/", "ws://127.0.0.1:2/", "ws://127.0.0.1:1/"], 1);
        assert!(twice.unwrap_err().starts_with("ws://127.0.0.1:1/ is there twice"));
        let urls: Vec<String> = (1..=65).map(|port| format!("ws://127.0.0.1:{port}/")).collect();
        let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
        assert!(targets(&urls[..64], 1).is_ok());
        assert!(targets(&urls, 1).unwrap_err().starts_with("65 targets are more than the 64"));
    }

    #[test]
    fn each_destination_has_the_source_addresses_that_it_needs() {
        const PORTS: u32 = 28_232;
        for (second, addresses) in [("ws://127.0.0.1:2/", 2), ("ws://127.0.0.1:1/b", 4)] {
            let two = targets(&["ws://127.0.0.1:1/a", second], 1).unwrap();
            let two = two.with_sources(None, 40_000, PORTS).unwrap();
            let mut used = std::collections::HashMap::new();
            for number in 0..40_000 {
                let key = (two.of(number).address, two.source(number));
                *used.entry(key).or_insert(0) += 1;
            }
            assert_eq!(used.len(), 4, "{second}: {used:?}");
            assert!(used.values().all(|count| *count == 10_000), "{second}: {used:?}");
            assert!(two.sources().ends_with(&format!("({addresses})")), "{}", two.sources());
        }
        let two = targets(&["ws://127.0.0.1:1/", "ws://[::1]:1/"], 1).unwrap();
        let error = two.with_sources(None, 3 * PORTS, PORTS).unwrap_err();
        assert!(matches!(error, SourcesError::OneSource { connections: 42_348, .. }), "{error}");
    }
}
