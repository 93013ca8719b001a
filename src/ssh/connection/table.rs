//! Which message may come when: one table a role, asked before any payload is read.
//!
//! Covers what the transport passes on: SERVICE_REQUEST, SERVICE_ACCEPT and everything from 50 up.
//! The tables share no row: a server must never take what only a client may (USERAUTH_SUCCESS
//! sent *to* a server has logged people in before).

use crate::ssh::numbers::*;
use crate::ssh::transport::Role;

/// How far a connection has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Phase {
    /// The authentication service has not been granted.
    Service,
    /// Someone is logging in.
    Auth,
    /// Someone is logged in: channels.
    Open,
}

/// What to do with a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Action {
    /// Read and act on it.
    Handle,
    /// Pass over it in silence.
    Ignore,
    /// Answer UNIMPLEMENTED (RFC 4253 11.4).
    Unimplemented,
    /// It must not come now: end the connection.
    Disconnect,
}

/// The table's answer for a message `number` sent to `role` in `phase`.
pub(crate) fn action(role: Role, phase: Phase, number: u8) -> Action {
    match role {
        Role::Server => to_server(phase, number),
        Role::Client => to_client(phase, number),
    }
}

/// Before authentication nothing is passed over: RFC 4252 6 wants the connection cut for 80 and
/// above, and there is no reason to be kinder to the rest.
fn to_server(phase: Phase, number: u8) -> Action {
    match (phase, number) {
        (Phase::Service | Phase::Auth, SERVICE_REQUEST) => Action::Handle,
        (Phase::Auth, USERAUTH_REQUEST) => Action::Handle,
        // Without a question the core ends the connection.
        (Phase::Auth, USERAUTH_INFO_RESPONSE) => Action::Handle,
        (Phase::Service | Phase::Auth, _) => Action::Disconnect,
        // RFC 4252 5.3: requests sent before the client saw SUCCESS.
        (Phase::Open, USERAUTH_REQUEST) => Action::Ignore,
        (Phase::Open, ..=79) => Action::Disconnect,
        (Phase::Open, number) => connection(number),
    }
}

fn to_client(phase: Phase, number: u8) -> Action {
    match (phase, number) {
        (Phase::Service, SERVICE_ACCEPT) => Action::Handle,
        (Phase::Auth, USERAUTH_FAILURE | USERAUTH_SUCCESS | USERAUTH_BANNER) => Action::Handle,
        // Only a client that tries keyboard-interactive takes it.
        (Phase::Auth, USERAUTH_INFO_REQUEST) => Action::Handle,
        (Phase::Service | Phase::Auth, _) => Action::Disconnect,
        (Phase::Open, ..=79) => Action::Disconnect,
        (Phase::Open, number) => connection(number),
    }
}

/// RFC 4254, what both roles take.
fn connection(number: u8) -> Action {
    match number {
        GLOBAL_REQUEST..=REQUEST_FAILURE | CHANNEL_OPEN..=CHANNEL_FAILURE => Action::Handle,
        _ => Action::Unimplemented,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHASES: [Phase; 3] = [Phase::Service, Phase::Auth, Phase::Open];

    /// The numbers a role handles, spelt out once more by hand.
    fn handled(role: Role, phase: Phase) -> Vec<u8> {
        match (role, phase) {
            (Role::Server, Phase::Service) => vec![5],
            (Role::Server, Phase::Auth) => vec![5, 50, 61],
            (Role::Client, Phase::Service) => vec![6],
            (Role::Client, Phase::Auth) => vec![51, 52, 53, 60],
            (_, Phase::Open) => [vec![80, 81, 82], (90..=100).collect::<Vec<_>>()].concat(),
        }
    }

    #[test]
    fn nothing_but_the_allow_set_is_handled() {
        for role in [Role::Server, Role::Client] {
            for phase in PHASES {
                let all: Vec<u8> = (0..=255)
                    .filter(|number| action(role, phase, *number) == Action::Handle)
                    .collect();
                assert_eq!(all, handled(role, phase), "{role:?} {phase:?}");
            }
        }
    }

    #[test]
    fn before_authentication_everything_else_cuts() {
        for role in [Role::Server, Role::Client] {
            for number in 80..=255 {
                assert_eq!(action(role, Phase::Service, number), Action::Disconnect);
                assert_eq!(action(role, Phase::Auth, number), Action::Disconnect);
            }
        }
    }

    #[test]
    fn only_a_late_login_is_passed_over() {
        for role in [Role::Server, Role::Client] {
            for phase in PHASES {
                for number in 0..=255 {
                    let late = (role, phase, number) == (Role::Server, Phase::Open, 50);
                    assert_eq!(action(role, phase, number) == Action::Ignore, late);
                }
            }
        }
    }
}
