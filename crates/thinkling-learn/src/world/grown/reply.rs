//! Replies with a thought, a summary and an answer, and what makes a summary a bad one.

use rand::{Rng, seq::SliceRandom};

use super::wording::{Wording, fill};
use crate::world::corpus::CorpusConfig;
use crate::world::problem::{WorldTask, arrangements, expression, pick};
use crate::world::reply::{Speaker, reply};
use crate::world::{Language, WorldProblem};

/// A reply in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    /// The chain of thought.
    pub(crate) thinking: String,
    /// What is said to the user before the answer; it ends as a sentence, or is empty.
    pub(crate) summary: String,
    /// The answer.
    pub(crate) answer: String,
}

impl Reply {
    /// In the tags of R1-Zero, without the summary.
    pub(crate) fn in_tags(&self) -> String {
        format!("<think>{}</think><answer>{}</answer>", self.thinking, self.answer)
    }

    /// In R1's own layout: after the thinking a summary, which states the answer in its tags.
    pub(crate) fn with_summary(&self) -> String {
        let Self { thinking, summary, answer } = self;
        format!("<think>{thinking}</think>{summary}<answer>{answer}</answer>")
    }
}

/// How countdown is gone about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Search {
    /// Chance to answer at once.
    pub(crate) guess: f64,
    /// Chance to give up after each try that missed.
    pub(crate) give_up: f64,
    /// Chance to go through the values in a fixed order; otherwise tries are drawn.
    pub(crate) systematic: f64,
}

/// One way to chain the numbers for each value that can be reached, in a fixed order: all added,
/// then the third, the second, the first taken away.
///
/// With three positive numbers there are four values at most: of the two ways to take one number
/// away or the two others, one leads below zero.
pub(crate) fn one_way_a_value([a, b, c]: [i32; 3]) -> Vec<[i32; 3]> {
    let take_away = |x: i32, y: i32, z: i32| if x + y >= z { [x, y, -z] } else { [z, -x, -y] };
    let ways = [[a, b, c], take_away(a, b, c), take_away(a, c, b), take_away(b, c, a)];
    let mut distinct: Vec<[i32; 3]> = Vec::new();
    for way in ways {
        let value = way.iter().sum::<i32>();
        if !distinct.iter().any(|known| known.iter().sum::<i32>() == value) {
            distinct.push(way);
        }
    }
    distinct
}

/// One try: its two steps, the target said again, and the verdict, without an end.
pub(crate) fn attempt(
    way: [i32; 3],
    target: i32,
    mut turn: impl FnMut() -> Language,
    rng: &mut impl Rng,
) -> String {
    let [first, second, third] = way;
    let (half, value) = (first + second, way.iter().sum::<i32>());
    let comma = Wording::of(turn()).comma;
    let goal = pick(rng, Wording::of(turn()).goal);
    let verdict = Wording::of(turn());
    let verdict = pick(rng, if value == target { verdict.reached } else { verdict.missed });
    let start = expression(&[first, second]);
    let end = expression(&[half, third]);
    format!("{start}={half}{comma}{end}={value}{goal}{target}{verdict}")
}

/// Thinking and answer for a countdown: different tries until one hits or patience ends.
fn reply_to_countdown(
    speaker: &mut Speaker<'_>,
    search: Search,
    numbers: [i32; 3],
    target: i32,
) -> (String, String) {
    if speaker.rng.random_bool(search.guess) {
        let ways = arrangements(numbers);
        let answer = expression(&ways[speaker.rng.random_range(0..ways.len())]);
        return (format!("{}{answer}", speaker.say(|phrases| phrases.guess)), answer);
    }
    let mut ways = one_way_a_value(numbers);
    if !speaker.rng.random_bool(search.systematic) {
        ways.shuffle(speaker.rng);
    }
    let mut text = String::new();
    let mut answer = String::new();
    for (index, way) in ways.into_iter().enumerate() {
        if index > 0 {
            if speaker.rng.random_bool(search.give_up) {
                break;
            }
            let wait = Wording::of(speaker.turn()).wait;
            text += pick(speaker.rng, wait);
        }
        text += speaker.say(|phrases| phrases.attempt);
        let languages = [(); 3].map(|()| speaker.turn());
        let mut languages = languages.into_iter().cycle();
        let turn = || languages.next().unwrap_or(Language::En);
        text += &attempt(way, target, turn, speaker.rng);
        answer = expression(&way);
        if way.iter().sum::<i32>() == target {
            break;
        }
    }
    (text, answer)
}

/// Thinking and answer for a problem, in one of the ways the configuration mixes.
pub(crate) fn think(
    speaker: &mut Speaker<'_>,
    config: &CorpusConfig,
    search: Search,
    task: &WorldTask,
) -> (String, String) {
    match task {
        WorldTask::Number { .. } => reply(speaker, config, task),
        WorldTask::Countdown { numbers, target } => {
            reply_to_countdown(speaker, search, *numbers, *target)
        }
    }
}

/// The summary of a problem's reply: the question's result, in the question's language.
pub(crate) fn summary(rng: &mut impl Rng, problem: &WorldProblem, answer: &str) -> String {
    summary_in(rng, problem.language, &problem.task, answer)
}

fn summary_in(rng: &mut impl Rng, language: Language, task: &WorldTask, answer: &str) -> String {
    let wording = Wording::of(language);
    match task {
        WorldTask::Number { terms, .. } => {
            let expression = expression(terms);
            let parts = [("expression", expression.as_str()), ("answer", answer)];
            fill(pick(rng, wording.sum_summary), &parts)
        }
        WorldTask::Countdown { target, .. } => {
            let target = target.to_string();
            let parts = [("answer", answer), ("target", target.as_str())];
            fill(pick(rng, wording.countdown_summary), &parts)
        }
    }
}

/// A reply to a problem as a careful writer gives it: one language, all steps, every try until one
/// hits, and a summary.
pub(crate) fn readable(speaker: &mut Speaker<'_>, problem: &WorldProblem) -> Reply {
    let config =
        CorpusConfig { guess: 0.0, rush: 0.0, slip: 0.0, check: 0.3, ..CorpusConfig::default() };
    let search = Search { guess: 0.0, give_up: 0.0, systematic: 1.0 };
    let (thinking, answer) = think(speaker, &config, search, &problem.task);
    let summary = summary(speaker.rng, problem, &answer);
    Reply { thinking, summary, answer }
}

/// What is wrong with a summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// There is none.
    Bare,
    /// It is about something else.
    OffTopic,
    /// It is in the language that was not asked in.
    OtherLanguage,
    /// It says the same twice or three times.
    Repeating,
}

impl Fault {
    pub(crate) const ALL: [Self; 4] =
        [Self::Bare, Self::OffTopic, Self::OtherLanguage, Self::Repeating];

    /// The reply with this fault, given the summary in the other language and that of something
    /// else in the same one.
    pub(crate) fn put_into(
        self,
        rng: &mut impl Rng,
        good: &Reply,
        language: Language,
        in_other_language: &str,
        of_other_topic: &str,
    ) -> Reply {
        let again = Wording::of(language).again;
        let summary = match self {
            Self::Bare => String::new(),
            Self::OffTopic => of_other_topic.to_owned(),
            Self::OtherLanguage => in_other_language.to_owned(),
            Self::Repeating => {
                let more = rng.random_range(1..=2);
                let repeated = format!("{again}{}", good.summary).repeat(more);
                format!("{}{repeated}", good.summary)
            }
        };
        Reply { summary, ..good.clone() }
    }
}

/// The summary of a problem in the language that it was not asked in.
pub(crate) fn summary_in_other_language(
    rng: &mut impl Rng,
    problem: &WorldProblem,
    answer: &str,
) -> String {
    summary_in(rng, problem.language.other(), &problem.task, answer)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn a_countdown_has_four_values_at_most_and_each_has_its_way() {
        for (numbers, values) in [
            ([16, 15, 1], vec![32, 30, 2, 0]),
            ([2, 20, 5], vec![27, 17, 13, 23]),
            ([1, 2, 3], vec![6, 0, 2, 4]),
        ] {
            let ways = one_way_a_value(numbers);
            let found: Vec<i32> = ways.iter().map(|way| way.iter().sum()).collect();
            assert_eq!(found, values);
            for way in &ways {
                assert!(way[0] > 0 && way[0] + way[1] >= 0, "{way:?}");
            }
            // No arrangement reaches anything else.
            assert!(arrangements(numbers).iter().all(|way| found.contains(&way.iter().sum())));
        }
    }

    #[test]
    fn a_try_says_the_target_again_and_its_verdict() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let english = || Language::En;
        assert_eq!(attempt([16, 1, -15], 30, english, &mut rng), "16+1=17, 17-15=2, goal 30, no");
        assert_eq!(
            attempt([16, 15, -1], 30, || Language::Zh, &mut rng),
            "16+15=31，31-1=30，目标30，是"
        );
    }

    #[test]
    fn patience_ends_half_of_the_searches_that_missed() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let search = Search { guess: 0.0, give_up: 0.5, systematic: 0.0 };
        let config =
            CorpusConfig { other_language: 0.0, mixed_language: 0.0, ..CorpusConfig::default() };
        let (mut one_try, mut missed_first) = (0, 0);
        for _ in 0..4_000 {
            let mut speaker = Speaker::new(&mut rng, &config, Language::En);
            let (text, answer) = reply_to_countdown(&mut speaker, search, [16, 15, 1], 30);
            let tries: Vec<&str> = text.split(", wait. ").collect();
            assert!(tries[..tries.len() - 1].iter().all(|attempt| attempt.ends_with("30, no")));
            assert_eq!(text.ends_with(", yes"), answer == "16+15-1");
            if !tries[0].ends_with("yes") {
                missed_first += 1;
                one_try += usize::from(tries.len() == 1);
            }
        }
        // Four standard deviations of 3,000 draws are 110.
        assert!((one_try as i32 - missed_first / 2).abs() < 110, "{one_try} of {missed_first}");
    }

    #[test]
    fn faults_change_the_summary_alone() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let good = Reply {
            thinking: "12+7=19".to_owned(),
            summary: "So 12+7 gives 19. ".to_owned(),
            answer: "19".to_owned(),
        };
        for fault in Fault::ALL {
            let bad =
                fault.put_into(&mut rng, &good, Language::En, "所以12+7得19。", "Oto eats tea. ");
            assert_ne!(bad.summary, good.summary);
            assert_eq!((&bad.thinking, &bad.answer), (&good.thinking, &good.answer));
        }
    }
}
