//! How a command fails: an exit code, a cause and a cure.

/// Exit code of a failure at run time.
pub(crate) const RUNTIME: u8 = 1;
/// Exit code of a mistake in usage or configuration.
pub(crate) const USAGE: u8 = 2;

/// Why a command ends without success.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit_code: u8,
    /// One line for each thing that is wrong.
    pub(crate) causes: Vec<String>,
    /// What the reader can do about it.
    pub(crate) cure: Option<String>,
}

impl Failure {
    /// Something in the arguments, the configuration or the files they name is wrong.
    pub(crate) fn configuration(cause: impl Into<String>) -> Self {
        Self { exit_code: USAGE, causes: vec![cause.into()], cure: None }
    }

    /// Something went wrong although the configuration is right.
    pub(crate) fn runtime(cause: impl Into<String>) -> Self {
        Self { exit_code: RUNTIME, causes: vec![cause.into()], cure: None }
    }

    /// Something went wrong where nobody is to be told but by the exit code.
    pub(crate) fn silent() -> Self {
        Self { exit_code: RUNTIME, causes: Vec::new(), cure: None }
    }

    /// Adds what the reader can do.
    pub(crate) fn cure(mut self, cure: impl Into<String>) -> Self {
        self.cure = Some(cure.into());
        self
    }

    /// Tells the user, through the log where one runs.
    pub(crate) fn report(&self) {
        let cure = self.cure.as_deref();
        for cause in &self.causes {
            if tracing::enabled!(tracing::Level::ERROR) {
                tracing::error!(cure, "{cause}");
            } else {
                super::log::plain_line(&format!("ringferry: {cause}"));
                if let Some(cure) = cure {
                    super::log::plain_line(&format!("  cure: {cure}"));
                }
            }
        }
    }
}
