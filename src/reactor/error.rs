//! Why a reactor could not be made.

use rustix::io::Errno;

/// Why [`super::Reactor::new`] failed.
#[derive(Debug, thiserror::Error)]
pub enum ReactorError {
    /// io_uring was demanded and cannot be used; the text names the cause and the cure.
    #[error("{0}")]
    RingUnavailable(String),
    /// A descriptor the driver needs could not be made.
    #[error("cannot create the {what}: {errno}")]
    Setup {
        /// Which one: "epoll instance", "wake-up descriptor".
        what: &'static str,
        /// The kernel's answer.
        errno: Errno,
    },
}
