//! What ends the program with another exit code than 0: 1 failed while running, 2 the call or recipe
//! is wrong, 3 an input file is damaged or unsupported, 4 a person has to decide first.

use std::fmt;
use thinkling_engine::EngineError;
use thinkling_model::ModelError;
use thinkling_serve::ServeError;
use thinkling_train::TrainError;
use thinkling_train::executor::ExecuteError;

/// What ends the program.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// Exit code of a command that a person has to decide for first.
    pub(crate) const WAITING: u8 = 4;

    /// The call is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { code: 2, message: message.into() }
    }

    /// Something failed while running.
    pub(crate) fn running(message: impl Into<String>) -> Self {
        Self { code: 1, message: message.into() }
    }

    /// Nothing is wrong: the run waits for a person.
    pub(crate) fn waiting(message: impl Into<String>) -> Self {
        Self { code: Self::WAITING, message: message.into() }
    }

    /// Whether it is an error.
    pub(crate) fn is_error(&self) -> bool {
        self.code != Self::WAITING
    }

    pub(crate) fn code(&self) -> u8 {
        self.code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<TrainError> for Failure {
    fn from(error: TrainError) -> Self {
        Self { code: error.exit_code(), message: error.to_string() }
    }
}

impl From<ExecuteError> for Failure {
    fn from(error: ExecuteError) -> Self {
        Self { code: error.exit_code(), message: error.to_string() }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        ExecuteError::from(error).into()
    }
}

impl From<ModelError> for Failure {
    fn from(error: ModelError) -> Self {
        ExecuteError::from(error).into()
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::Engine(error) => error.into(),
            ServeError::Limit { .. } => Self::usage(error.to_string()),
            _ => Self::running(error.to_string()),
        }
    }
}
