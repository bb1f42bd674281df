//! How the corpus goes about a problem: guesses, worked steps with slips, checks and corrections, and
//! countdown tries.

use rand::{Rng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::{
    corpus::CorpusConfig,
    phrases::{Language, Phrases},
    problem::{MAX_RESULT, WorldTask, arrangements, expression, pick},
};

/// Says phrases in the language, or the mixture of languages, of one reply.
pub(crate) struct Speaker<'a> {
    pub(crate) rng: &'a mut ChaCha8Rng,
    language: Language,
    mixed: bool,
    tables: fn(Language) -> &'static Phrases,
}

impl<'a> Speaker<'a> {
    pub(crate) fn new(rng: &'a mut ChaCha8Rng, config: &CorpusConfig, asked_in: Language) -> Self {
        let style = rng.random::<f64>();
        let other = style < config.other_language;
        let mixed = !other && style < config.other_language + config.mixed_language;
        let language = if other { asked_in.other() } else { asked_in };
        Self { rng, language, mixed, tables: Language::phrases }
    }

    /// The same, with a word at every other step.
    pub(crate) fn wordy(self) -> Self {
        Self { tables: Language::wordy_phrases, ..self }
    }

    /// The language of the next phrase.
    pub(crate) fn turn(&mut self) -> Language {
        let turn = self.mixed && self.rng.random_bool(0.5);
        if turn { self.language.other() } else { self.language }
    }

    /// One phrase of a table.
    pub(crate) fn say(
        &mut self,
        table: impl Fn(&Phrases) -> &'static [&'static str],
    ) -> &'static str {
        let language = self.turn();
        pick(self.rng, table((self.tables)(language)))
    }
}

/// Thinking and answer for a problem, in one of the ways the configuration mixes.
pub(crate) fn reply(
    speaker: &mut Speaker<'_>,
    config: &CorpusConfig,
    task: &WorldTask,
) -> (String, String) {
    match task {
        WorldTask::Number { terms, .. } => reply_to_sum(speaker, config, terms),
        WorldTask::Countdown { numbers, target } => {
            reply_to_countdown(speaker, config, *numbers, *target)
        }
    }
}

/// A value near the right one: off by a little, by ten, or by anything up to nine.
pub(crate) fn near(rng: &mut impl Rng, value: i32) -> i32 {
    loop {
        let distance = match rng.random_range(0..3) {
            0 => rng.random_range(1..=2),
            1 => 10,
            _ => rng.random_range(3..=9),
        };
        let guess = if rng.random_bool(0.5) { value + distance } else { value - distance };
        if (0..=MAX_RESULT).contains(&guess) {
            return guess;
        }
    }
}

fn guess_at(rng: &mut impl Rng, config: &CorpusConfig, value: i32) -> i32 {
    let inside = value.clamp(0, MAX_RESULT);
    if rng.random_bool(config.guess_wrong) { near(rng, inside) } else { inside }
}

/// Thinking and answer for a chained sum.
fn reply_to_sum(
    speaker: &mut Speaker<'_>,
    config: &CorpusConfig,
    terms: &[i32],
) -> (String, String) {
    let style = speaker.rng.random::<f64>();
    if style < config.guess {
        let guess = guess_at(speaker.rng, config, terms.iter().sum());
        return (format!("{}{guess}", speaker.say(|phrases| phrases.guess)), guess.to_string());
    }
    let steps = terms.len() - 1;
    if style < config.guess + config.rush && steps > 1 {
        let made = speaker.rng.random_range(1..steps);
        let (text, value) = work(speaker, config, &terms[..=made], None);
        let rest = terms[made + 1..].iter().sum::<i32>();
        let guess = guess_at(speaker.rng, config, value + rest);
        let text = format!("{text}{}{guess}", speaker.say(|phrases| phrases.rush));
        return (text, guess.to_string());
    }
    let checked =
        speaker.rng.random_bool(config.check).then(|| speaker.rng.random_range(1..=steps));
    let (text, value) = work(speaker, config, terms, checked);
    (text, value.to_string())
}

/// Works through a chain term by term, with slips, and checks the step numbered `checked`.
fn work(
    speaker: &mut Speaker<'_>,
    config: &CorpusConfig,
    terms: &[i32],
    checked: Option<usize>,
) -> (String, i32) {
    let mut text = speaker.say(|phrases| phrases.first).to_owned();
    let mut value = terms[0];
    for (index, &term) in terms.iter().enumerate().skip(1) {
        if index > 1 {
            text += speaker.say(|phrases| phrases.next);
        }
        let step = expression(&[value, term]);
        // After a slip the chain may leave 0..=99; such a result is not written.
        let right = (value + term).clamp(0, MAX_RESULT);
        let slipped = speaker.rng.random_bool(config.slip);
        let result = if slipped { near(speaker.rng, right) } else { right };
        text += &format!("{step}={result}");
        value = result;
        let corrected = if checked == Some(index) {
            let undone = (result - term).clamp(0, MAX_RESULT);
            let check = format!("{}={undone}", expression(&[result, -term]));
            text += &format!("{}{check}", speaker.say(|phrases| phrases.check));
            if !slipped {
                text += speaker.say(|phrases| phrases.right);
            }
            slipped.then(|| speaker.say(|phrases| phrases.wrong))
        } else {
            (slipped && speaker.rng.random_bool(config.noticed))
                .then(|| speaker.say(|phrases| phrases.wait))
        };
        if let Some(phrase) = corrected {
            text += &format!("{phrase}{step}={right}");
            value = right;
        }
    }
    (text, value)
}

/// Thinking and answer for a countdown: different tries until one hits or patience ends.
fn reply_to_countdown(
    speaker: &mut Speaker<'_>,
    config: &CorpusConfig,
    numbers: [i32; 3],
    target: i32,
) -> (String, String) {
    let mut ways = arrangements(numbers);
    ways.shuffle(speaker.rng);
    if speaker.rng.random_bool(config.countdown_guess) {
        let answer = expression(&ways[0]);
        return (format!("{}{answer}", speaker.say(|phrases| phrases.guess)), answer);
    }
    let mut text = String::new();
    let mut tried = Vec::new();
    let mut answer = String::new();
    for way in ways {
        let value = way.iter().sum::<i32>();
        if tried.contains(&value) {
            continue;
        }
        if !tried.is_empty() {
            if speaker.rng.random_bool(config.give_up) {
                break;
            }
            text += speaker.say(|phrases| phrases.again);
        }
        tried.push(value);
        answer = expression(&way);
        let [first, second, third] = way;
        text += speaker.say(|phrases| phrases.attempt);
        text += &format!("{}={}", expression(&[first, second]), first + second);
        text += speaker.say(|phrases| phrases.next);
        text += &format!("{}={value}", expression(&[first + second, third]));
        let hit = value == target;
        text += speaker.say(|phrases| if hit { phrases.hit } else { phrases.missed });
        text += &target.to_string();
        if hit {
            break;
        }
    }
    (text, answer)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn replies(config: &CorpusConfig, task: &WorldTask) -> Vec<(String, String)> {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut reply_once = || {
            let mut speaker = Speaker::new(&mut rng, config, Language::En);
            reply(&mut speaker, config, task)
        };
        (0..2_000).map(|_| reply_once()).collect()
    }

    fn plain_english() -> CorpusConfig {
        CorpusConfig { other_language: 0.0, mixed_language: 0.0, ..CorpusConfig::default() }
    }

    #[test]
    fn a_try_names_what_it_reached_and_only_a_hit_says_yes() {
        let config = CorpusConfig { countdown_guess: 0.0, ..plain_english() };
        let task = WorldTask::Countdown { numbers: [16, 15, 1], target: 30 };
        let mut hits = 0;
        for (thinking, answer) in replies(&config, &task) {
            let tries: Vec<&str> = thinking.split("; ").collect();
            for (place, text) in tries.iter().enumerate() {
                let reached = text.rsplit('=').next().unwrap();
                let hit = reached.starts_with("30, yes 30");
                assert!(hit || reached.ends_with(", not 30") && !reached.starts_with("30"));
                assert!(!hit || place + 1 == tries.len());
                hits += usize::from(hit);
            }
            // The answer is the last try, the one that hit if one did.
            assert_eq!(
                thinking.contains("yes"),
                answer == "16+15-1"
                    || answer == "15+16-1"
                    || answer == "16-1+15"
                    || answer == "15-1+16"
            );
        }
        assert!((500..2_000).contains(&hits), "{hits}");
    }

    #[test]
    fn a_checked_slip_is_put_right() {
        let config =
            CorpusConfig { guess: 0.0, rush: 0.0, slip: 1.0, check: 1.0, ..plain_english() };
        let task = WorldTask::Number { terms: vec![12, 7], gold: 19 };
        for (thinking, answer) in replies(&config, &task) {
            assert!(thinking.contains(", check: ") && thinking.contains(", wrong: 12+7=19"));
            assert_eq!(answer, "19");
        }
    }

    #[test]
    fn guesses_are_wrong_as_often_as_asked() {
        let config = CorpusConfig { guess: 1.0, rush: 0.0, guess_wrong: 0.33, ..plain_english() };
        let task = WorldTask::Number { terms: vec![12, 7, -3], gold: 16 };
        let wrong = replies(&config, &task).iter().filter(|(_, answer)| answer != "16").count();
        // Four standard deviations of 2,000 draws are 84.
        assert!(wrong.abs_diff(660) < 84, "{wrong}");
    }
}
