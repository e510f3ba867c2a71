//! How far the server is, as one series for each phase.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use switchboard_api::{Metric, Phase};

use super::name::{kind, stem};
use crate::inspect::Inspect;

const PHASE: Metric =
    Metric::gauge("phase", "1 for the phase in which the server is, 0 for the others.");

/// All of them.
pub(super) const METRICS: &[Metric] = &[PHASE];

/// Asks for the phase when a client wants the metrics.
pub(super) struct Phases(pub(super) Arc<dyn Inspect>);

impl Collector for Phases {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (name, now) = (stem(&PHASE), self.0.phase());
        let mut family = encoder.encode_descriptor(&name, PHASE.help, None, kind(&PHASE))?;
        // Nobody asks one that has ended.
        for phase in Phase::ALL.into_iter().filter(|phase| *phase != Phase::Ended) {
            let value = u64::from(phase == now);
            family.encode_family(&[("phase", phase.name())])?.encode_gauge(&value)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Phases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Phases").finish_non_exhaustive()
    }
}
