//! When keys are exchanged again, and how often a peer may ask for it (RFC 4253 section 9, RFC 4344
//! section 3).

use std::time::{Duration, Instant};

use super::disconnect::Disconnect;
use super::limits::{
    KEY_BYTES_FACTOR_MAX, KEY_PACKETS_MAX, PEER_REKEYS_BEFORE_AUTH_MAX, PEER_REKEYS_IDLE_MAX,
    REKEY_PACKETS_MAX,
};
use super::packet::Usage;

/// What one direction may carry under one key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    bytes: u64,
    packets: u64,
    cipher_bytes: u64,
}

impl Allowance {
    /// Under the `none` cipher, where only deadlines count.
    pub(crate) const PLAIN: Self =
        Self { bytes: u64::MAX, packets: REKEY_PACKETS_MAX, cipher_bytes: u64::MAX };

    /// The cipher's own number of bytes, or fewer as configured, and packets as configured. More
    /// than 2^31 packets are never allowed, and less than one of either would exchange keys for
    /// ever.
    pub(crate) fn new(cipher_bytes: u64, bytes: Option<u64>, packets: u64) -> Self {
        Self {
            bytes: bytes.unwrap_or(cipher_bytes).min(cipher_bytes).max(1),
            packets: packets.clamp(1, REKEY_PACKETS_MAX),
            cipher_bytes,
        }
    }

    /// Whether nothing more may go through. Before authentication nobody asks for new keys, so the
    /// cipher's own numbers are the end; afterwards there is as much again for the peer's answer.
    pub(crate) fn is_spent(&self, usage: Usage, authenticated: bool) -> bool {
        let (factor, packets) = match authenticated {
            true => (KEY_BYTES_FACTOR_MAX, KEY_PACKETS_MAX),
            false => (1, REKEY_PACKETS_MAX),
        };
        usage.packets >= packets || usage.bytes >= self.cipher_bytes.saturating_mul(factor)
    }

    /// Whether `usage` has reached it.
    pub(crate) fn is_used(&self, usage: Usage) -> bool {
        usage.bytes >= self.bytes || usage.packets >= self.packets
    }
}

/// How many exchanges the peer may still start.
///
/// Each costs both sides a signature and two scalar multiplications, so a peer that asks for one
/// after another without sending or receiving anything is not rekeying but attacking.
#[derive(Debug)]
pub(crate) struct PeerBudget {
    before_auth: u32,
    idle: u32,
    earned_at: Instant,
}

impl PeerBudget {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            before_auth: PEER_REKEYS_BEFORE_AUTH_MAX,
            idle: PEER_REKEYS_IDLE_MAX,
            earned_at: now,
        }
    }

    /// A message of the layers above went by, in either direction.
    pub(crate) fn earn(&mut self) {
        self.idle = (self.idle + 1).min(PEER_REKEYS_IDLE_MAX);
    }

    /// The peer starts an exchange.
    pub(crate) fn spend(&mut self, now: Instant, authenticated: bool) -> Result<(), Disconnect> {
        if !authenticated {
            self.before_auth = self.before_auth.checked_sub(1).ok_or_else(|| {
                Disconnect::protocol(format!(
                    "the peer asked for new keys more than {PEER_REKEYS_BEFORE_AUTH_MAX} times \
                     before authentication"
                ))
            })?;
        }
        let seconds = now.saturating_duration_since(self.earned_at).as_secs();
        self.earned_at += Duration::from_secs(seconds);
        let earned = u32::try_from(seconds).unwrap_or(u32::MAX);
        self.idle = self.idle.saturating_add(earned).min(PEER_REKEYS_IDLE_MAX);
        self.idle = self.idle.checked_sub(1).ok_or_else(|| {
            Disconnect::protocol(format!(
                "the peer asked for new keys more than {PEER_REKEYS_IDLE_MAX} times with nothing \
                 sent in between"
            ))
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_counts_both_kinds() {
        let allowance = Allowance::new(5000, Some(1000), 10);
        assert!(!allowance.is_used(Usage { packets: 9, bytes: 999 }));
        assert!(allowance.is_used(Usage { packets: 10, bytes: 0 }));
        assert!(allowance.is_used(Usage { packets: 1, bytes: 1000 }));
        let fresh = Usage { packets: 0, bytes: 0 };
        assert!(!Allowance::new(9, Some(0), 0).is_used(fresh), "a fresh key is not used up");
        let long = Usage { packets: 1 << 31, bytes: 0 };
        let all = Allowance::new(u64::MAX, None, u64::MAX);
        assert!(all.is_used(long), "2^31 packets whatever is set");
    }

    #[test]
    fn no_setting_goes_past_the_ciphers_own_number() {
        let usage = |bytes| Usage { packets: 0, bytes };
        for bytes in [None, Some(5000), Some(u64::MAX)] {
            let allowance = Allowance::new(5000, bytes, 10);
            assert!(allowance.is_used(usage(5000)) && !allowance.is_used(usage(4999)));
        }
    }

    /// OpenSSH 10.3's rule before authentication, and ours behind it.
    #[test]
    fn commit_ca313fef2_hard_limits() {
        let allowance = Allowance::new(5000, Some(1000), 10);
        let usage = |packets, bytes| Usage { packets, bytes };
        assert!(!allowance.is_spent(usage(10, 1000), false), "what is configured is not the end");
        assert!(allowance.is_spent(usage(1, 5000), false));
        assert!(allowance.is_spent(usage(1 << 31, 0), false));
        assert!(!allowance.is_spent(usage((1 << 31) + 1000, 9999), true));
        assert!(allowance.is_spent(usage(0, 10_000), true));
        assert!(allowance.is_spent(usage(3 << 30, 0), true), "well before 2^32");
        assert!(!Allowance::PLAIN.is_spent(usage(1000, u64::MAX - 1), false));
    }

    #[test]
    fn a_budget_is_spent_and_earned() {
        let start = Instant::now();
        let mut budget = PeerBudget::new(start);
        for _ in 0..PEER_REKEYS_IDLE_MAX {
            budget.spend(start, true).unwrap();
        }
        assert!(budget.spend(start, true).is_err());
        budget.earn();
        budget.spend(start, true).unwrap();
        assert!(budget.spend(start + Duration::from_millis(999), true).is_err());
        budget.spend(start + Duration::from_millis(2000), true).unwrap();
        budget.spend(start + Duration::from_millis(2900), true).unwrap();
        assert!(budget.spend(start + Duration::from_millis(2999), true).is_err());
    }

    #[test]
    fn before_authentication_only_a_few() {
        let start = Instant::now();
        let mut budget = PeerBudget::new(start);
        for _ in 0..PEER_REKEYS_BEFORE_AUTH_MAX {
            budget.earn();
            budget.spend(start, false).unwrap();
        }
        budget.earn();
        assert!(budget.spend(start, false).is_err());
        budget.spend(start, true).unwrap();
    }
}
