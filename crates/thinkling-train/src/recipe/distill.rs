//! `kind = "distill"`: a teacher's answers become the examples of a student (arXiv 2501.12948, section
//! 2.4). Text alone goes over, so that tokenizer, family and size of the two may differ.
//!
//! It stands for two stages, and a resolved recipe has these: `NAME-set`, of
//! `kind = "rejection-sampling"`, asks the teacher and keeps good answers; `NAME`, of `kind = "sft"`,
//! trains the student on them. Without `teacher` there are trajectories already, and there is the second
//! stage alone.

use super::section::Section;
use super::sft::read_data;
use super::{
    AnswerKeys, ExampleSource, ModelSource, RejectionStage, SftStage, Stage, StageKind,
    TeacherKeys, Template, is_plain_name,
};
use crate::error::Result;

/// The report's first rate for its smallest student (1.5B).
const LR: f64 = 1e-4;
/// The report's examples of a step; here sequences.
const BATCH: usize = 64;
/// What the name of the stage that asks has behind the stage's own.
const SET: &str = "-set";

/// Reads what is left of the stage's table, after `name`, `kind` and `model`, which is the student.
pub(super) fn read(
    s: &mut Section<'_>,
    earlier: &[Stage],
    name: String,
    student: ModelSource,
) -> Result<Vec<Stage>> {
    let Some(section) = s.section("teacher")? else {
        let data = read_data(s, earlier)?;
        return Ok(vec![learning(s, name, student, data)?]);
    };
    let set = format!("{name}{SET}");
    if !is_plain_name(&set) || earlier.iter().any(|stage| stage.name == set) {
        let expected = format!("a name of at most 60, with which no earlier stage is called {set}");
        return Err(s.conflict("name", expected));
    }
    let no_model = section.absent("model", "the teacher: a table with `path`");
    let (asking, model) = match TeacherKeys::read(section, earlier)? {
        TeacherKeys::Local(teacher) => {
            let Some(model) = teacher.model else { return Err(no_model) };
            if teacher.system.is_some() {
                let expected = "no `system` of a local teacher here; its chat template has one";
                return Err(s.conflict("teacher", expected));
            }
            let stage = RejectionStage::read_keys(s, teacher.template)?;
            let answers = AnswerKeys { rollout: teacher.rollout, ..stage.answers };
            (RejectionStage { answers, ..stage }, Some(model))
        }
        TeacherKeys::Http(teacher) => {
            let stage = RejectionStage::read_keys(s, Template::Chat)?;
            (RejectionStage { teacher: Some(*teacher), ..stage }, None)
        }
    };
    let data = vec![ExampleSource::of_stage(set.clone())];
    let kind = StageKind::RejectionSampling(Box::new(asking));
    Ok(vec![Stage { name: set, model, kind }, learning(s, name, student, data)?])
}

/// The stage that trains the student.
fn learning(
    s: &mut Section<'_>,
    name: String,
    student: ModelSource,
    data: Vec<ExampleSource>,
) -> Result<Stage> {
    let stage = SftStage::read_keys(s, data, LR, BATCH)?;
    Ok(Stage { name, model: Some(student), kind: StageKind::Sft(Box::new(stage)) })
}

#[cfg(test)]
mod tests;
