//! What the gate is told.

use std::net::IpAddr;

use crate::auth::{NetBlocks, Networks, PenaltyRules, Startups};

/// Who is let in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AdmissionRules {
    /// Only these may connect, unless there are none.
    pub allow: Networks,
    /// These may not, though they were allowed.
    pub deny: Networks,
    /// Random early drop, by the connections that have not logged in.
    pub startups: Startups,
    /// What of an address counts as one source.
    pub net_blocks: NetBlocks,
    /// Connections of one source that have not logged in.
    pub startups_per_source_max: Option<usize>,
    /// Connections of one source.
    pub connections_per_source_max: Option<usize>,
    /// Connections of one user.
    pub connections_per_user_max: Option<usize>,
    /// Sessions (channels) of one user, over all his connections.
    pub sessions_per_user_max: Option<usize>,
    /// Penalties for connections that nobody logs in on.
    pub penalties: Option<PenaltyRules>,
    /// Addresses that get none.
    pub penalty_exempt: Networks,
    /// Proxies: connections from there begin with a PROXY header.
    pub proxies: Networks,
}

impl Default for AdmissionRules {
    /// What `ringferry serve` has when nothing is configured.
    fn default() -> Self {
        let loopback = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])];
        let blocks: NetBlocks = "8:128".parse().unwrap_or_default();
        Self {
            allow: Networks::default(),
            deny: Networks::default(),
            startups: Startups::default(),
            net_blocks: NetBlocks::default(),
            startups_per_source_max: Some(250),
            connections_per_source_max: None,
            connections_per_user_max: None,
            sessions_per_user_max: None,
            penalties: Some(PenaltyRules::default()),
            penalty_exempt: Networks::new(loopback.map(|it| blocks.source(it)).to_vec()),
            proxies: Networks::default(),
        }
    }
}
