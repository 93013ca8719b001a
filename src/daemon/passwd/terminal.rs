//! A terminal that does not show what is typed, and shows it again afterwards, whatever happens.

use std::io::{self, Stdin, Write};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};
use signal_hook::low_level::emulate_default_handler;
use zeroize::Zeroizing;

/// Longest line a terminal gives, in bytes (N_TTY_BUF_SIZE).
const LINE_BYTES_MAX: usize = 4096;

/// The echo is off for as long as this lives. A signal that ends the process turns it on first.
pub(super) struct Quiet<'a> {
    stdin: &'a Stdin,
    before: Termios,
    signals: Handle,
}

impl<'a> Quiet<'a> {
    /// # Errors
    /// Stdin is no terminal, or the handlers cannot be set.
    pub(super) fn new(stdin: &'a Stdin) -> io::Result<Self> {
        let before = tcgetattr(stdin)?;
        let mut signals = Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM])?;
        let (handle, shown) = (signals.handle(), before.clone());
        let watching = move || {
            for signal in &mut signals {
                let _ = tcsetattr(io::stdin(), OptionalActions::Now, &shown);
                say("\n");
                // Ends the process as the signal would have: the shell learns it was interrupted.
                let _ = emulate_default_handler(signal);
            }
        };
        std::thread::Builder::new().name("signals".to_owned()).spawn(watching)?;
        let made = Self { stdin, before, signals: handle };
        let mut quiet = made.before.clone();
        // The line break is shown, so that what follows begins on a line of its own.
        quiet.local_modes.remove(LocalModes::ECHO);
        quiet.local_modes.insert(LocalModes::ECHONL);
        // What was typed before the question is thrown away: it was shown.
        tcsetattr(stdin, OptionalActions::Flush, &quiet)?;
        Ok(made)
    }

    /// Asks for a line, and gives it without its end. At the end of input it is empty.
    ///
    /// The bytes are read one at a time: stdin's own buffer would keep a copy.
    pub(super) fn line(&self, question: &str) -> io::Result<Zeroizing<Vec<u8>>> {
        say(question);
        let mut line = Zeroizing::new(Vec::with_capacity(LINE_BYTES_MAX));
        let mut byte = [0; 1];
        while line.len() < LINE_BYTES_MAX {
            match rustix::io::read(self.stdin, &mut byte) {
                Ok(0) => break,
                Ok(_) if byte == *b"\n" => break,
                Ok(_) => line.extend_from_slice(&byte),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(line)
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.stdin, OptionalActions::Now, &self.before);
        self.signals.close();
    }
}

/// Questions go to stderr: stdout may be on its way into the users file.
fn say(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}
