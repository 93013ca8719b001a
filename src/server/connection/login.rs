//! Logging in: requests put to the authenticator, its verdicts told to the protocol core.

use std::sync::Arc;

use super::entry::contained;
use super::{Driver, Place};
use crate::auth::{Attempt, NO_SUCH_USER, Verdict, judge};
use crate::crypto::KeyLabel;
use crate::server::roll::Roll;
use crate::server::verdicts::{Judged, Pending};
use crate::ssh::{AuthMethod, AuthRequest, RefusedAttempt};

/// What an attempt was, for the log.
pub(super) struct Tried {
    user: String,
    method: String,
    /// The key it is about.
    key: Option<KeyLabel>,
    /// The key was only asked about.
    offered: bool,
}

impl Tried {
    fn of(request: &AuthRequest) -> Self {
        let key = match &request.method {
            AuthMethod::KeyOffered { blob, .. } | AuthMethod::KeyVerified { blob, .. } => {
                Some(KeyLabel::of(blob))
            }
            _ => None,
        };
        Self {
            user: request.user.clone(),
            method: request.method.name().to_owned(),
            key,
            offered: matches!(request.method, AuthMethod::KeyOffered { .. }),
        }
    }
}

/// What has proved who the user is, for the log.
#[derive(Default)]
pub(super) struct Proved {
    /// `publickey,password`.
    pub(super) methods: String,
    /// The key among the proofs, of several the last.
    pub(super) key: Option<KeyLabel>,
}

/// Why a login ends that began before a reload.
const READ_AGAIN: &str = "the users were read again during this login";

impl Proved {
    fn add(&mut self, proof: Tried) {
        if !self.methods.is_empty() {
            self.methods.push(',');
        }
        self.methods.push_str(&proof.method);
        self.key = proof.key.or_else(|| self.key.take());
    }
}

impl Driver {
    /// Puts a request to whoever decides.
    pub(super) fn authenticate(&mut self, place: &Place<'_>, request: &AuthRequest) {
        let attempt = Attempt { peer: self.peer.ip(), now: place.wall_clock };
        let roll = place.settings.roll.get();
        if self.knows_another(&roll) && !self.login.steps().is_empty() {
            // What was proved was proved to a list of users that holds no more.
            return self.disconnect(READ_AGAIN);
        }
        let judged = || judge(&*roll.authenticator, request, &self.login, &attempt);
        let Some(verdict) = contained(true, judged) else { return self.crashed() };
        self.roll = Some(roll);
        let tried = Tried::of(request);
        match verdict {
            Verdict::Later(work) => {
                // Strangers who name somebody are not to hold up his own attempts.
                let asker = format!("{} {}", tried.user, self.peer.ip());
                let pending = place.verdicts.start(self.socket_token(), &asker, work);
                self.judging = Some((pending, tried));
            }
            verdict => self.judged(place, verdict, tried),
        }
    }

    /// A verdict that took work has come; [`progress`](Self::progress) is to follow.
    pub(in crate::server) fn verdict_came(&mut self, place: &Place<'_>, judged: Judged) {
        let waits = |(pending, _): &mut (Pending, Tried)| pending.number == judged.number;
        if let Some((_, tried)) = self.judging.take_if(waits) {
            self.judged(place, judged.verdict, tried);
        }
    }

    fn judged(&mut self, place: &Place<'_>, verdict: Verdict, tried: Tried) {
        let counts = matches!(verdict, Verdict::Accept | Verdict::Partial { .. });
        if counts && !tried.offered && self.knows_another(&place.settings.roll.get()) {
            // It was worked out while the users were read again, and may be about one who is gone.
            return self.disconnect(READ_AGAIN);
        }
        match &verdict {
            Verdict::Accept if !tried.offered => self.show_message(&tried.user),
            Verdict::Partial { methods, .. } => self.log_partial(&tried, &methods.join(",")),
            Verdict::Reject { cause } => {
                self.ending.unknown_user |= cause == NO_SUCH_USER;
                self.log_refused(&tried, cause);
            }
            _ => {}
        }
        match verdict {
            // What has signed, never what was asked about before.
            Verdict::Accept if tried.offered => {}
            Verdict::Accept | Verdict::Partial { .. } => self.proved.add(tried),
            _ => {}
        }
        let verdict = self.login.answer(verdict);
        self.ssh.handle_auth(place.now, verdict);
    }

    /// Whether the last request was judged by another roll than this.
    fn knows_another(&self, roll: &Arc<Roll>) -> bool {
        self.roll.as_ref().is_some_and(|own| !Arc::ptr_eq(own, roll))
    }

    fn log_partial(&self, tried: &Tried, wanted: &str) {
        let (connection, peer, user) = (self.number, self.peer, tried.user.as_str());
        let method = tried.method.as_str();
        let key = tried.key.as_ref().map(|key| key.fingerprint.as_str());
        tracing::info!(connection, %peer, user, method, key, wanted, "one proof of several");
    }

    /// What the user is to read before the first session.
    fn show_message(&mut self, user: &str) {
        let message = self.roll.as_ref().and_then(|roll| roll.authenticator.message(user));
        if let Some(mut text) = message {
            // Clients print it as it is, and their prompt behind it.
            if !text.ends_with('\n') {
                text.push('\n');
            }
            self.ssh.show_banner(&text);
        }
    }

    /// An attempt that the protocol core has refused itself.
    pub(super) fn refused_attempt(&mut self, refused: RefusedAttempt) {
        let tried = Tried {
            user: refused.user,
            method: refused.method,
            key: refused.key.map(|blob| KeyLabel::of(&blob)),
            offered: false,
        };
        self.log_refused(&tried, refused.cause);
    }

    /// The one line that a log watcher needs: address, user, method and cause together. Its form is
    /// what `contrib/fail2ban` matches; what the peer chose comes after the address.
    ///
    /// A key that is only asked about is no failed login: clients offer every key they hold.
    fn log_refused(&self, tried: &Tried, cause: &str) {
        let (connection, peer) = (self.number, self.peer);
        let Tried { user, method, key, offered } = tried;
        let key = key.as_ref().map(|key| key.fingerprint.as_str());
        if *offered {
            tracing::info!(connection, %peer, %user, method, key, cause, "key not accepted");
        } else {
            tracing::warn!(connection, %peer, %user, method, key, cause, "authentication refused");
        }
    }
}
