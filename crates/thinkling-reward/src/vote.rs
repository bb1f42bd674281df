//! The answer that most of several completions give: consensus, as the report's cons@64
//! (arXiv 2501.12948v1, section 3; self-consistency, arXiv 2203.11171).
//!
//! Answers are put into classes by what they say, not by how it is written: mathematics by the
//! verifier ([`crate::math`]), so that `1/2` and `0.5` vote together, numbers by value, options by
//! letter, countdown expressions by the numbers they use and their value, exact texts by their
//! characters. The gold takes no part. An answer joins the first class whose first answer equals
//! it (equality by conventions, `28` and `28%` for one, is not transitive, so the order matters).
//! The class with the most answers wins; of several such the one that was seen first.
//!
//! Left out: programs. Two of them are the same where they do the same, which no text tells, so
//! there is no vote on them.
//!
//! ```
//! use thinkling_reward::{Task, math::Policy, vote::majority};
//!
//! let task = Task::Math { gold: "3".to_owned() };
//! let answers = [Some("3"), Some("1/2"), None, Some("0.5")];
//! let vote = majority(&task, &answers, &Policy::default()).unwrap();
//! assert_eq!((vote.winner, vote.votes, vote.classes), (Some(1), 2, 2));
//! ```

use num_rational::BigRational;

use crate::countdown::parse_expr;
use crate::math::{Gold, MathGold, Policy, Prediction};
use crate::number::parse_number;
use crate::problem::Task;
use crate::record::{MAX_EXTRACTED, Template};

/// What came of a vote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vote {
    /// The first answer of the class that won; none where nobody answered.
    pub winner: Option<usize>,
    /// Answers in that class.
    pub votes: usize,
    /// Classes.
    pub classes: usize,
}

/// The majority of `answers`, the extracted ones of completions in their order; `None` among them
/// for a completion without a readable answer, which does not vote. `None` for programs.
pub fn majority(task: &Task, answers: &[Option<&str>], policy: &Policy) -> Option<Vote> {
    if matches!(task, Task::Code { .. }) {
        return None;
    }
    let mut classes: Vec<Class> = Vec::new();
    for (index, answer) in answers.iter().enumerate() {
        let Some(answer) = answer.map(str::trim) else { continue };
        let answer = Answer::new(task, answer, policy);
        match classes.iter_mut().find(|class| class.first.equals(&answer, policy)) {
            Some(class) => class.votes += 1,
            None => classes.push(Class { index, votes: 1, first: answer }),
        }
    }
    // `max_by_key` takes the last of equals, so the classes come from behind.
    let winner = classes.iter().rev().max_by_key(|class| class.votes);
    Some(Vote {
        winner: winner.map(|class| class.index),
        votes: winner.map_or(0, |class| class.votes),
        classes: classes.len(),
    })
}

/// Answers that say the same.
struct Class<'a> {
    index: usize,
    votes: usize,
    first: Answer<'a>,
}

/// An answer, read once.
struct Answer<'a> {
    text: &'a str,
    meaning: Meaning,
}

enum Meaning {
    /// Its characters.
    Text,
    Number(BigRational),
    Math(Box<MathGold>),
    /// The numbers of an expression, sorted, its value, and the one behind its equals sign.
    Expression(Vec<u64>, BigRational, BigRational),
}

impl<'a> Answer<'a> {
    fn new(task: &Task, text: &'a str, policy: &Policy) -> Self {
        let meaning = match task {
            // One that was cut says only that much.
            _ if text.chars().count() >= MAX_EXTRACTED => None,
            Task::Number { .. } => {
                parse_number(text).ok().map(Meaning::Number).or_else(|| math(text, policy))
            }
            Task::Math { .. } => math(text, policy),
            Task::Countdown { .. } => expression(text),
            Task::Choice { .. } | Task::Exact { .. } | Task::Code { .. } => None,
        };
        Self { text, meaning: meaning.unwrap_or(Meaning::Text) }
    }

    fn equals(&self, other: &Self, policy: &Policy) -> bool {
        if self.text == other.text {
            return true;
        }
        let says = |gold: &MathGold, text| {
            let judgement = gold.verify(Prediction(text), Template::None, policy);
            judgement.verdict.is_correct()
        };
        match (&self.meaning, &other.meaning) {
            (Meaning::Number(a), Meaning::Number(b)) => a == b,
            (Meaning::Expression(a, value, claim), Meaning::Expression(b, other, other_claim)) => {
                a == b && value == other && claim == other_claim
            }
            // In either direction: a convention may hold for one side only.
            (Meaning::Math(a), Meaning::Math(b)) => says(a, other.text) || says(b, self.text),
            (Meaning::Math(a), _) => says(a, other.text),
            (_, Meaning::Math(b)) => says(b, self.text),
            _ => false,
        }
    }
}

fn math(text: &str, policy: &Policy) -> Option<Meaning> {
    MathGold::new(Gold(text), policy).ok().map(|gold| Meaning::Math(Box::new(gold)))
}

fn expression(text: &str) -> Option<Meaning> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let (left, right) = text.split_once('=').map_or((text, None), |(l, r)| (l, Some(r)));
    let expr = parse_expr(left).ok()?;
    let value = expr.value()?;
    let claim = match right {
        Some(right) => parse_number(right).ok()?,
        None => value.clone(),
    };
    let mut literals = expr.literals();
    literals.sort_unstable();
    Some(Meaning::Expression(literals, value, claim))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::CodeTests;

    fn vote(task: &Task, answers: &[&str]) -> Vote {
        // A dash stands for no answer.
        let answers: Vec<Option<&str>> =
            answers.iter().map(|answer| (*answer != "-").then_some(*answer)).collect();
        majority(task, &answers, &Policy::default()).unwrap()
    }

    fn math() -> Task {
        Task::Math { gold: "7".to_owned() }
    }

    fn number() -> Task {
        Task::Number { gold: "7".to_owned() }
    }

    #[test]
    fn equal_mathematics_votes_together_however_it_is_written() {
        let won = |answers: &[&str]| {
            let vote = vote(&math(), answers);
            (vote.winner, vote.votes, vote.classes)
        };
        assert_eq!(won(&["7", "1/2", "0.5", "7", r"\frac{2}{4}"]), (Some(1), 3, 2));
        assert_eq!(won(&["x^2+2x+1", "3", "(x+1)^2"]), (Some(0), 2, 2));
        assert_eq!(won(&[r"\{1,2\}", "5", "2, 1", "5", "5"]), (Some(1), 3, 2));
        assert_eq!(won(&["0.333", "1/3", "0.333"]), (Some(0), 2, 2));
    }

    #[test]
    fn of_equally_large_classes_the_one_seen_first_wins() {
        assert_eq!(vote(&number(), &["5", "7", "7", "5"]).winner, Some(0));
        assert_eq!(vote(&number(), &["-", "7", "5", "7", "5"]).winner, Some(1));
        assert_eq!(vote(&number(), &["5", "7", "7.0"]).winner, Some(1));
    }

    #[test]
    fn completions_without_an_answer_do_not_vote() {
        assert_eq!(vote(&math(), &["-", "-", "7", "-"]).winner, Some(2));
        assert_eq!(vote(&math(), &["-", "-"]), Vote { winner: None, votes: 0, classes: 0 });
        assert_eq!(vote(&math(), &[]), Vote::default());
    }

    #[test]
    fn numbers_options_and_texts_have_their_own_equality() {
        assert_eq!(vote(&number(), &["1,250", "3", "1250.0"]).votes, 2);
        let choice = Task::Choice { gold: "A".to_owned() };
        assert_eq!(vote(&choice, &["B", "A", "A"]).winner, Some(1));
        let exact = Task::Exact { gold: "a".to_owned() };
        assert_eq!(vote(&exact, &["1/2", "0.5", " 0.5"]).votes, 2);
        assert_eq!(vote(&exact, &["1/2", "0.5"]).classes, 2);
    }

    #[test]
    fn countdown_answers_are_equal_where_numbers_and_value_are() {
        let task = Task::Countdown { numbers: vec![1, 2, 3], target: "6".to_owned() };
        // The value alone is not enough, and a false claim is another answer.
        let vote = vote(&task, &["6", "1+2+3 = 7", "(3+2)+1", "1+2+3=6"]);
        assert_eq!((vote.winner, vote.votes, vote.classes), (Some(2), 2, 3));
    }

    #[test]
    fn programs_do_not_vote() {
        let task = Task::Code { tests: CodeTests::asserts(["assert True"]) };
        assert_eq!(majority(&task, &[Some("pass")], &Policy::default()), None);
    }

    #[test]
    fn an_answer_that_was_cut_equals_only_the_same_characters() {
        let long = "1".repeat(MAX_EXTRACTED);
        let longer = format!("{long}.");
        assert_eq!(vote(&math(), &[&long, &longer, &long]).votes, 2);
    }
}
