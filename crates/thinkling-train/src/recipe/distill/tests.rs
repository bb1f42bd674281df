use super::super::{ExamplePlace, Recipe};
use super::*;
use crate::recipe::FormatFilter;
use crate::recipe::tests::read_back;
use std::path::Path;
use thinkling_learn::Decay;

/// A stage of these keys behind a first one; each recipe is written out and read again.
fn parse(keys: &str, sets: &[&str]) -> Result<Recipe> {
    let text = format!(
        "name = \"d\"\nmodel = {{ path = \"base\" }}\n[[stage]]\nname = \"zero\"\nkind = \"rl\"\n\
         data = {{ kind = \"mini-world\" }}\n[[stage]]\nname = \"small\"\nkind = \"distill\"\n{keys}\n"
    );
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    read_back(&text, &sets)
}

const LOCAL: &str = "teacher = { kind = \"local\", model = { path = \"stage:zero\" }, \
                     template = \"r1-zero\", rollout = { max_rows = 7 } }\n\
                     data = { kind = \"mini-world\" }\nmodel = { path = \"tiny\" }";
const HTTP: &str = "teacher = { kind = \"http\", url = \"http://h:8000/v1/\", model = \"m\" }\n\
                    data = { kind = \"mini-world\" }";

fn both(recipe: &Recipe) -> (&RejectionStage, &SftStage) {
    let names: Vec<&str> = recipe.stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(names, ["zero", "small-set", "small"]);
    match (&recipe.stages[1].kind, &recipe.stages[2].kind) {
        (StageKind::RejectionSampling(asking), StageKind::Sft(learning)) => (asking, learning),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_local_teacher_asks_as_rejection_sampling_does_and_the_student_is_another_model() {
    let recipe = parse(LOCAL, &["stage.small.samples=8", "stage.small.epochs=3"]).unwrap();
    let (asking, learning) = both(&recipe);
    assert_eq!(recipe.model_of(1), ModelSource::Stage("zero".to_owned()));
    assert_eq!(recipe.model_of(2), ModelSource::Path("/recipes/tiny".into()));
    assert_eq!((asking.answers.template, asking.answers.samples), (Template::R1Zero, 8));
    assert_eq!(
        (asking.answers.rollout.max_rows, asking.answers.filters.format),
        (7, FormatFilter::Strict)
    );
    assert!(asking.teacher.is_none());
    let training = &learning.training;
    assert_eq!((training.lr, training.schedule, training.min_lr_ratio), (1e-4, Decay::Cosine, 0.1));
    assert_eq!((learning.batch, learning.epochs, learning.template), (64, 3.0, Template::Chat));
    let place = ExamplePlace::Stage { name: "small-set".to_owned() };
    assert_eq!(learning.data[0].place, place);
}

#[test]
fn the_student_is_what_came_before_where_nothing_else_is_said() {
    let recipe = parse(HTTP, &[]).unwrap();
    let (asking, _) = both(&recipe);
    assert_eq!(recipe.model_of(2), ModelSource::Stage("zero".to_owned()));
    let teacher = asking.teacher.as_ref().unwrap();
    assert_eq!((teacher.url.as_str(), teacher.requests.concurrency), ("http://h:8000/v1", 4));
    assert_eq!((teacher.requests.timeout_seconds, teacher.requests.retries), (120.0, 6));
    assert_eq!(
        (asking.answers.template, asking.answers.filters.format),
        (Template::Chat, FormatFilter::Off)
    );
    let first = "name='d'\nmodel.path='base'\n[[stage]]\nname='s'\nkind='distill'\n";
    let text = format!("{first}{HTTP}");
    let recipe = Recipe::parse(&text, Path::new("r.toml"), Path::new("/"), &[]).unwrap();
    assert_eq!(recipe.model_of(1), ModelSource::Path("/base".into()));
}

#[test]
fn kept_trajectories_are_learnt_without_a_teacher() {
    let recipe = parse("data = { kind = \"jsonl\", path = \"kept.jsonl\" }", &[]).unwrap();
    let names: Vec<&str> = recipe.stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(names, ["zero", "small"]);
    let StageKind::Sft(learning) = &recipe.stages[1].kind else { panic!("not sft") };
    assert_eq!((learning.batch, learning.training.lr), (64, 1e-4));
}

#[test]
fn what_does_not_fit_says_what_does() {
    let http = |more: &str| HTTP.replace("model = \"m\"", &format!("model = \"m\", {more}"));
    let local = |from: &str, to: &str| LOCAL.replace(from, to);
    for (keys, words) in [
        (local("kind = \"local\"", "kind = \"remote\""), "one of \"local\", \"http\""),
        (local("model = { path = \"stage:zero\" }, ", ""), "stage.small.teacher.model"),
        (local("stage:zero", "stage:one"), "an earlier stage (zero)"),
        (local("path = \"stage:zero\"", "hidden_size = 8"), "a new model has nothing to teach"),
        (local("max_rows = 7", "max_row = 7"), "`stage.small.teacher.rollout.max_row`"),
        (local("{ kind = \"mini-world\" }", "{ kind = \"stage\", name = \"a\" }"), "mini-world"),
        (format!("{LOCAL}\nrollout = {{ max_rows = 7 }}"), "unknown key `stage.small.rollout`"),
        (http("retry = 3"), "nearest known key: `retries`"),
        (http("concurrency = 0"), "an integer from 1 to 1024"),
        (http("timeout_seconds = 0"), "a number above 0 up to 86400"),
        (HTTP.replace("http://h:8000/v1/", "https://h/v1"), "https is not supported"),
        (HTTP.replace("http://h:8000/v1/", "http:///v1"), "an address that begins with"),
        (HTTP.replace(", model = \"m\"", ""), "stage.small.teacher.model"),
        ("data = { kind = \"mini-world\" }".to_owned(), "one of \"jsonl\", \"stage\""),
    ] {
        let error = parse(&keys, &[]).expect_err(&keys).to_string();
        assert!(error.contains(words), "{keys}: {error}");
        assert!(error.starts_with("r.toml:"), "{keys}: {error}");
    }
    let long = format!("stage.small.name=\"{}\"", "n".repeat(61));
    let error = parse(LOCAL, &[&long]).expect_err("too long").to_string();
    assert!(error.contains("at most 60"), "{error}");
}

#[test]
fn a_local_teacher_is_no_teacher_of_rejection_sampling() {
    let text = "name='d'\nmodel.path='base'\n[[stage]]\nname='s'\nkind='rejection-sampling'\n\
                data.kind='mini-world'\nteacher={kind='local', model.path='m'}";
    let error = Recipe::parse(text, Path::new("r.toml"), Path::new("/"), &[]).expect_err("local");
    assert!(error.to_string().contains("the stage's own `model`"), "{error}");
}
