//! Who answers conversations for a stage: a model in this process, or a server that speaks the
//! protocol of OpenAI's chat completions. The table `teacher` of a recipe says which
//! ([`TeacherKeys`]).
//!
//! Every answer is a request of its own, with a seed that follows from the stage's seed, its
//! conversation and its number alone. So an answer does not depend on what else is asked for, a server
//! need not know the field `n`, and a run that was stopped asks for what is missing and nothing else.
//! (A server that batches may still round otherwise, and draw another token.)

mod http;
mod local;
mod protocol;
mod replies;

use crate::devices::Devices;
use crate::error::{Result, TrainError};
use crate::interrupt::Interrupt;
use crate::model_io::LoadedModel;
use crate::recipe::{ModelSource, TeacherKeys};
use crate::run_dir::RunDir;
use crate::sampling::{OnEvent, Place};
use std::path::Path;
use thinkling_text::Message;

pub use crate::course::{EvalProgress, Watch};
pub use crate::sampling::{Drawing, Reply};

pub(crate) use http::HttpTeacher;
pub(crate) use local::answer_by_model;
use local::{Answerer, LocalTeacher};

/// Who answers.
#[derive(Debug)]
pub struct Teacher<'a>(Kind<'a>);

#[derive(Debug)]
enum Kind<'a> {
    Local(LocalTeacher<'a>),
    Http(HttpTeacher),
}

impl<'a> Teacher<'a> {
    /// Opens the teacher of a stage. `run` has what earlier stages wrote; `own` is the stage's model,
    /// which answers where `keys` name no other; only then it has to be there.
    ///
    /// # Errors
    /// A model that cannot be read, an environment variable that is not set.
    pub fn open(
        keys: &'a TeacherKeys,
        run: &RunDir,
        devices: Devices<'a>,
        own: Option<&'a LoadedModel>,
    ) -> Result<Self> {
        let keys = match keys {
            TeacherKeys::Http(keys) => return Ok(Self(Kind::Http(HttpTeacher::open(keys)?))),
            TeacherKeys::Local(keys) => keys,
        };
        let path = match &keys.model {
            Some(ModelSource::Path(path)) => Some(path.clone()),
            Some(ModelSource::Stage(name)) => Some(run.stage_output(name)),
            // A recipe with a new model as teacher does not read.
            Some(ModelSource::New(_)) | None => None,
        };
        let model = match (path, own) {
            (Some(path), _) => {
                Answerer::Other(Box::new(LoadedModel::open(&path, devices.learner())?))
            }
            (None, Some(own)) => Answerer::Own(own),
            (None, None) => {
                let reason = "the stage's own model is asked, and it was not opened".to_owned();
                return Err(TrainError::Failed { what: "opening a teacher", reason });
            }
        };
        Ok(Self(Kind::Local(LocalTeacher::new(keys, devices, model))))
    }

    /// Asks for `drawing.samples` answers to each conversation and gives them in order, once all are
    /// there; `None` where an interrupt came before.
    ///
    /// Each is appended to the file at `path` as it ends, and once all are there the file has them in
    /// order; `what` names them for the user. What is there already, of a process that was stopped or
    /// killed, is not asked for again; the conversations must be the same ones. Shows how far it is.
    ///
    /// # Errors
    /// A conversation that the teacher's template cannot take or that fills its context, a model or
    /// device that fails, a server that does not answer after all retries or refuses
    /// ([`TrainError::Teacher`]), a disk that is full, a file that is
    /// damaged or of other conversations.
    pub fn ask(
        &self,
        conversations: &[Vec<Message>],
        drawing: Drawing,
        (path, what): (&Path, &'static str),
        interrupt: &Interrupt,
        watch: &mut dyn Watch,
    ) -> Result<Option<Vec<Vec<Reply>>>> {
        let answer = |missing: &[Place], on_event: OnEvent<'_>| match &self.0 {
            Kind::Local(teacher) => teacher.answer(conversations, drawing, missing, on_event),
            Kind::Http(teacher) => teacher.answer(conversations, drawing, missing, on_event),
        };
        let shape = (conversations.len(), drawing.samples);
        replies::ask(answer, shape, (path, what), interrupt, watch)
    }
}

#[cfg(test)]
mod tests;
