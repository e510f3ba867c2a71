//! What a series is about, by its unit and the words in its name.

use super::axis::Quantity;
use crate::record::Series;

/// What a series is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Connections,
    Connects,
    Traffic,
    Memory,
    KernelMemory,
    Cpu,
    Other,
}

impl Kind {
    pub(super) fn of(series: &Series) -> Self {
        let connection = series.name.contains("connect");
        match Quantity::of_unit(series.unit) {
            Quantity::Count if connection => Self::Connections,
            Quantity::Rate if connection => Self::Connects,
            Quantity::Rate => Self::Traffic,
            Quantity::Bytes if series.name.contains("kernel") => Self::KernelMemory,
            Quantity::Bytes if series.unit == "B" => Self::Memory,
            Quantity::Cores => Self::Cpu,
            Quantity::Percent if series.name.to_lowercase().contains("cpu") => Self::Cpu,
            _ => Self::Other,
        }
    }

    pub(super) fn title(self, group: &[&Series]) -> String {
        match (self, group) {
            (Self::Connections, _) => "Connections over time".into(),
            (Self::Cpu, _) => "CPU".into(),
            (Self::Memory, _) => "User memory over time".into(),
            (Self::KernelMemory, [one]) => format!("{} over time", capital(&one.name)),
            (Self::KernelMemory, _) => "Kernel memory over time".into(),
            _ => capital(
                &group.iter().map(|series| spoken(&series.name)).collect::<Vec<_>>().join(", "),
            ),
        }
    }

    pub(super) fn note(self, group: &[&Series]) -> String {
        let unit = group.first().map_or("", |series| series.unit);
        match self {
            Self::Connections => "Open at each moment since the start.".into(),
            Self::Connects => "Handshakes completed a second.".into(),
            Self::Traffic => "Messages a second.".into(),
            Self::Memory => "Of the process, without what the kernel holds for its sockets.".into(),
            Self::KernelMemory => {
                "Of the whole machine: on loopback, both ends of every connection.".into()
            }
            Self::Cpu if unit == "cores" => "1 is one core fully used.".into(),
            Self::Cpu => "Percent of a core.".into(),
            Self::Other if unit.is_empty() => "A count, over time.".into(),
            Self::Other => format!("In {unit}, over time."),
        }
    }
}

/// `deliveries/s` as a title has it.
fn spoken(name: &str) -> String {
    name.strip_suffix("/s").map_or_else(|| name.to_owned(), |what| format!("{what} per second"))
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
