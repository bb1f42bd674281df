//! An error with the exit code it stands for: 1 failed while running, 2 the call or recipe is
//! wrong, 3 an input file is damaged or unsupported.

use std::fmt;
use thinkling_engine::EngineError;
use thinkling_model::ModelError;
use thinkling_sampling::generate::GenerateError;
use thinkling_train::TrainError;

/// What ends the program.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// The call is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { code: 2, message: message.into() }
    }

    /// Something failed while running.
    pub(crate) fn running(message: impl Into<String>) -> Self {
        Self { code: 1, message: message.into() }
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

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let code = match &error {
            EngineError::Weights(e) if e.is_damaged_or_unsupported() => 3,
            EngineError::Sampling(_) => 2,
            EngineError::Generate(e) if *e != GenerateError::NotNumbers => 2,
            _ => 1,
        };
        Self { code, message: error.to_string() }
    }
}

impl From<ModelError> for Failure {
    fn from(error: ModelError) -> Self {
        let code = match &error {
            ModelError::Weights(e) if e.is_damaged_or_unsupported() => 3,
            ModelError::Weights(_)
            | ModelError::Device(_)
            | ModelError::Generate(GenerateError::NotNumbers) => 1,
            ModelError::Generate(_) => 2,
        };
        Self { code, message: error.to_string() }
    }
}
