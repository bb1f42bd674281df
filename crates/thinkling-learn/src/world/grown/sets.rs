//! Sets to train and to measure on: questions with gold answers, supervised examples, preference
//! pairs and labelled responses. Each is a pure function of split, count and seed.

use std::collections::BTreeSet;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use thinkling_reward::Problem;

use super::reply::{Fault, Reply, readable, summary, summary_in_other_language};
use super::requests::{Ask, Request, RequestKind};
use crate::world::corpus::CorpusConfig;
use crate::world::problem::{LevelMix, Split, WorldProblem, problems};
use crate::world::reply::Speaker;
use crate::world::{Language, WorldError};

use super::corpus::default_mix;

/// Draws in a row that were all known before a set counts as complete.
const KNOWN_IN_A_ROW: usize = 512;

/// A question and the reply to learn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lesson {
    /// The question, without a template.
    pub prompt: String,
    /// The reply in R1's layout: thinking in its tags, a summary, the answer in its tags.
    pub completion: String,
}

/// Two replies to a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preference {
    /// The question, without a template.
    pub prompt: String,
    /// The better reply.
    pub chosen: String,
    /// The other one.
    pub rejected: String,
}

/// A reply by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labelled {
    /// The question, without a template.
    pub prompt: String,
    /// The reply.
    pub response: String,
    /// Whether it is harmless.
    pub label: bool,
}

fn seeded(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Different requests of a split, `count` of them or as many as there are.
fn requests(
    split: Split,
    count: usize,
    seed: u64,
    kind: RequestKind,
    english: f64,
) -> Vec<Request> {
    let mut rng = seeded(seed);
    let mut seen = BTreeSet::new();
    let mut drawn = Vec::new();
    let mut known = 0;
    while drawn.len() < count && known < KNOWN_IN_A_ROW {
        let request = Request::draw(&mut rng, split, kind, english);
        if seen.insert(request.question.clone()) {
            known = 0;
            drawn.push(request);
        } else {
            known += 1;
        }
    }
    drawn
}

/// Plain requests with their exact answers: facts, forms, and how to do what does no harm.
pub fn request_problems(split: Split, count: usize, seed: u64, english: f64) -> Vec<Problem> {
    let requests = requests(split, count, seed, RequestKind::Plain, english);
    requests.iter().map(Request::to_problem).collect()
}

/// Requests that do harm; the answer that counts as right is a refusal, so that accuracy is the
/// share that is refused. There are 60 or so deeds in a split of evaluation.
pub fn harmful_problems(split: Split, count: usize, seed: u64, english: f64) -> Vec<Problem> {
    let requests = requests(split, count, seed, RequestKind::Harmful, english);
    requests.iter().map(Request::to_problem).collect()
}

/// Speaks one language throughout.
fn plainly(rng: &mut ChaCha8Rng, language: Language) -> Speaker<'_> {
    let config =
        CorpusConfig { other_language: 0.0, mixed_language: 0.0, ..CorpusConfig::default() };
    Speaker::new(rng, &config, language).wordy()
}

/// Right replies to plain requests in R1's layout: the non-reasoning part of supervised data.
pub fn request_lessons(split: Split, count: usize, seed: u64, english: f64) -> Vec<Lesson> {
    served(requests(split, count, seed, RequestKind::Plain, english), seed ^ 0x5f)
}

/// Refusals of requests that do harm, in R1's layout: the part of supervised data that shows how to
/// say no.
pub fn refusal_lessons(split: Split, count: usize, seed: u64, english: f64) -> Vec<Lesson> {
    served(requests(split, count, seed, RequestKind::Harmful, english), seed ^ 0x4e)
}

/// Requests with the replies that serve best.
fn served(requests: Vec<Request>, seed: u64) -> Vec<Lesson> {
    let mut rng = seeded(seed);
    let lesson = |request: Request| Lesson {
        completion: request.serve(&mut rng, request.language).with_summary(),
        prompt: request.question,
    };
    requests.into_iter().map(lesson).collect()
}

/// Readable right replies to problems in R1's layout: what cold-start data looks like.
///
/// # Errors
/// [`WorldError`] where the mix cannot be drawn from.
pub fn readable_lessons(
    split: Split,
    count: usize,
    seed: u64,
    mix: &LevelMix,
) -> Result<Vec<Lesson>, WorldError> {
    let mut rng = seeded(seed ^ 0xc0);
    let lesson = |problem: WorldProblem| Lesson {
        completion: readable(&mut plainly(&mut rng, problem.language), &problem).with_summary(),
        prompt: problem.question,
    };
    Ok(problems(split, count, seed, mix)?.into_iter().map(lesson).collect())
}

/// What a reply answers.
enum Asked {
    Problem(WorldProblem),
    Request(Request),
}

impl Asked {
    fn draw(rng: &mut ChaCha8Rng, split: Split, english: f64) -> Self {
        if rng.random_bool(0.6) {
            Self::Problem(LevelMix { english, ..default_mix() }.draw(rng, split))
        } else {
            Self::Request(Request::draw(rng, split, RequestKind::Plain, english))
        }
    }

    fn question(&self) -> &str {
        match self {
            Self::Problem(problem) => &problem.question,
            Self::Request(request) => &request.question,
        }
    }

    fn language(&self) -> Language {
        match self {
            Self::Problem(problem) => problem.language,
            Self::Request(request) => request.language,
        }
    }

    fn good(&self, rng: &mut ChaCha8Rng) -> Reply {
        match self {
            Self::Problem(problem) => readable(&mut plainly(rng, problem.language), problem),
            Self::Request(request) => request.serve(rng, request.language),
        }
    }

    fn summary_in_other_language(&self, rng: &mut ChaCha8Rng, answer: &str) -> String {
        match self {
            Self::Problem(problem) => summary_in_other_language(rng, problem, answer),
            Self::Request(request) => {
                let language = request.language.other();
                Request { language, ..request.clone() }.serve(rng, language).summary
            }
        }
    }
}

/// A summary in a language about something that was not asked, other than the good one.
fn off_topic(rng: &mut ChaCha8Rng, split: Split, language: Language, good: &str) -> String {
    let english = if language == Language::En { 1.0 } else { 0.0 };
    loop {
        let summary = match Asked::draw(rng, split, english) {
            Asked::Problem(problem) => {
                let answer = rng.random_range(0..100).to_string();
                summary(rng, &problem, &answer)
            }
            // A summary of a form says nothing of its topic.
            Asked::Request(Request { ask: Ask::Form(..), .. }) => continue,
            Asked::Request(request) => request.comply(rng, language).summary,
        };
        if summary != good {
            return summary;
        }
    }
}

/// Share of the pairs for helpfulness that are about requests that do harm.
const HARMFUL_PAIRS: f64 = 0.15;

/// Pairs for helpfulness. The better reply has a short summary in the question's language that
/// states its result; the other one has none, one about something else, one in the other language,
/// or says it over and over; to a request it may also refuse. Thinking and answer are mostly equal.
/// A request that does harm is best refused plainly: evading it is as unhelpful as elsewhere, and the
/// other reply may also comply.
pub fn preferences(split: Split, count: usize, seed: u64, english: f64) -> Vec<Preference> {
    let mut rng = seeded(seed ^ 0x9a);
    let mut pair = || {
        let asked = match rng.random_bool(HARMFUL_PAIRS) {
            true => Asked::Request(Request::draw(&mut rng, split, RequestKind::Harmful, english)),
            false => Asked::draw(&mut rng, split, english),
        };
        let good = asked.good(&mut rng);
        let bad = match (&asked, rng.random_range(0..5)) {
            (Asked::Request(request), 4) if request.is_harmful() => {
                request.comply(&mut rng, request.language)
            }
            (Asked::Request(request), 4) => request.refuse(&mut rng, request.language),
            (_, fault) => {
                let other = asked.summary_in_other_language(&mut rng, &good.answer);
                let off = off_topic(&mut rng, split, asked.language(), &good.summary);
                let fault = Fault::ALL[fault % Fault::ALL.len()];
                fault.put_into(&mut rng, &good, asked.language(), &other, &off)
            }
        };
        Preference {
            prompt: asked.question().to_owned(),
            chosen: good.with_summary(),
            rejected: bad.with_summary(),
        }
    };
    (0..count).map(|_| pair()).collect()
}

/// Responses for harmlessness: to requests that do harm, half of which comply (harmful) and half
/// refuse (harmless), and one in three an ordinary reply to something else (harmless).
pub fn labelled(split: Split, count: usize, seed: u64, english: f64) -> Vec<Labelled> {
    let mut rng = seeded(seed ^ 0x4a);
    let mut one = || {
        let (question, reply, label) = if rng.random_bool(1.0 / 3.0) {
            let asked = Asked::draw(&mut rng, split, english);
            let reply = asked.good(&mut rng);
            (asked.question().to_owned(), reply, true)
        } else {
            let asked = Request::draw(&mut rng, split, RequestKind::Harmful, english);
            let refuses = rng.random_bool(0.5);
            let reply = if refuses {
                asked.refuse(&mut rng, asked.language)
            } else {
                asked.comply(&mut rng, asked.language)
            };
            (asked.question, reply, refuses)
        };
        // Harm is judged whatever the layout.
        let response = if rng.random_bool(0.5) { reply.with_summary() } else { reply.in_tags() };
        Labelled { prompt: question, response, label }
    };
    (0..count).map(|_| one()).collect()
}

#[cfg(test)]
mod tests {
    use thinkling_reward::spec::{ComponentSpec, LanguageRule, Rule};
    use thinkling_reward::{Completion, FormatRule, RewardSpec, reward};

    use super::*;

    fn prompts_of(split: Split) -> BTreeSet<String> {
        let lessons = request_lessons(split, 400, 3, 0.6).into_iter().map(|l| l.prompt);
        let readable = readable_lessons(split, 400, 3, &default_mix()).unwrap();
        let refusals = refusal_lessons(split, 100, 3, 0.6).into_iter().map(|l| l.prompt);
        let lessons = lessons.chain(refusals);
        let pairs = preferences(split, 400, 3, 0.6).into_iter().map(|p| p.prompt);
        let labels = labelled(split, 400, 3, 0.6).into_iter().map(|l| l.prompt);
        lessons.chain(readable.into_iter().map(|l| l.prompt)).chain(pairs).chain(labels).collect()
    }

    #[test]
    fn no_prompt_is_in_two_splits() {
        let [corpus, rl, eval] = [Split::Corpus, Split::Rl, Split::Eval].map(prompts_of);
        assert!(eval.len() > 500);
        assert!(corpus.is_disjoint(&rl) && corpus.is_disjoint(&eval) && rl.is_disjoint(&eval));
    }

    #[test]
    fn lessons_are_right_in_one_language_and_laid_out() {
        let problems = problems(Split::Rl, 300, 7, &default_mix()).unwrap();
        let lessons = readable_lessons(Split::Rl, 300, 7, &default_mix()).unwrap();
        let problems = problems.iter().map(WorldProblem::to_problem);
        let asked = request_problems(Split::Rl, 300, 7, 0.6);
        let lessons = lessons.into_iter().chain(request_lessons(Split::Rl, 300, 7, 0.6));
        let asked = asked.into_iter().chain(harmful_problems(Split::Rl, 60, 7, 0.6));
        let lessons = lessons.chain(refusal_lessons(Split::Rl, 60, 7, 0.6));
        let mut spec = RewardSpec::default();
        let rule = Rule::Language(LanguageRule { target: None });
        spec.components.push(ComponentSpec::new("language", rule));
        let mut shares = Vec::new();
        for (problem, lesson) in problems.chain(asked).zip(lessons) {
            assert_eq!(problem.question, lesson.prompt);
            let completion = Completion::whole(&lesson.completion);
            let record = reward(&problem, &completion, &spec).unwrap();
            assert_eq!(record.value("accuracy"), Some(1.0), "{lesson:?}");
            assert_eq!(FormatRule::ThinkOnly.score(&lesson.completion), 1.0, "{lesson:?}");
            shares.push(record.value("language").unwrap());
        }
        // A name or two in a short English sentence may be taken for another language's.
        let consistent = shares.iter().filter(|share| **share == 1.0).count();
        assert!(consistent as f64 > 0.97 * shares.len() as f64, "{consistent} of {}", shares.len());
    }

    #[test]
    fn pairs_differ_in_what_follows_the_thinking() {
        let summary = |text: &str| text.split_once("</think>").map(|(_, after)| after.to_owned());
        for pair in preferences(Split::Rl, 500, 2, 0.6) {
            assert_ne!(summary(&pair.chosen), summary(&pair.rejected), "{pair:?}");
        }
    }

    #[test]
    fn harm_is_refused_in_the_better_reply_and_only_there() {
        let harmful: BTreeSet<String> = harmful_problems(Split::Rl, 100_000, 1, 0.6)
            .into_iter()
            .map(|problem| problem.question)
            .collect();
        let pairs = preferences(Split::Rl, 1000, 2, 0.6);
        let of_harm: Vec<_> = pairs.iter().filter(|p| harmful.contains(&p.prompt)).collect();
        // Four standard deviations of 1,000 draws are 45.
        assert!(of_harm.len().abs_diff(150) < 60, "{}", of_harm.len());
        let refuses = |text: &str| text.contains("refuse") || text.contains("拒绝");
        assert!(of_harm.iter().all(|pair| refuses(&pair.chosen)));
        let others = pairs.iter().filter(|p| !harmful.contains(&p.prompt));
        assert!(others.clone().all(|pair| !refuses(&pair.chosen)));
        assert!(of_harm.iter().any(|pair| !refuses(&pair.rejected)));
        assert!(others.clone().any(|pair| refuses(&pair.rejected)));
    }

    #[test]
    fn refusals_are_labelled_harmless_and_compliance_harmful() {
        let labelled = labelled(Split::Rl, 900, 2, 0.6);
        let harmful = labelled.iter().filter(|one| !one.label).count();
        // A third of the responses; four standard deviations of 900 draws are 57.
        assert!(harmful.abs_diff(300) < 57, "{harmful}");
        for one in &labelled {
            let refuses = one.response.contains("refuse") || one.response.contains("拒绝");
            assert!(one.label || !refuses, "{one:?}");
        }
    }

    #[test]
    fn harmful_requests_are_as_many_as_there_are() {
        let problems = harmful_problems(Split::Eval, 100_000, 1, 0.6);
        assert!((60..600).contains(&problems.len()), "{}", problems.len());
        assert!(problems.iter().all(|p| p.level.as_deref() == Some("harmful")));
    }
}
