use super::*;
use crate::pairwise::conversations;
use crate::pairwise::pairs::tests::{prompts, reply, stage};
use crate::pairwise::prompts::Prompt;

/// Pairs of two responses to each prompt.
fn pairs<'a>(
    stage: &PreferencesStage,
    prompts: &'a [Prompt],
    texts: &[[&str; 2]],
    counts: &mut PreferencePairCounts,
) -> Pairs<'a> {
    let replies: Vec<Vec<Reply>> = texts.iter().map(|t| t.map(reply).to_vec()).collect();
    Pairs::form(stage, prompts, &replies, "", 1, counts)
}

/// What a judge makes of these responses, which are to the prompts `0`, `1`, ..: it is shown each request
/// and the number of the asking within its order.
fn judged(
    keys: &str,
    texts: &[[&str; 2]],
    judge: impl Fn(&str, usize) -> &'static str,
) -> (Vec<Outcome>, PreferencePairCounts, String) {
    let any_length = if keys.contains("max_length_ratio") { "" } else { "max_length_ratio=1000" };
    let stage = stage(&format!("samples=2\n{any_length}\n{keys}"));
    let names: Vec<String> = (0..texts.len()).map(|i| i.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (prompts, mut counts) = (prompts(&names), PreferencePairCounts::default());
    let pairs = pairs(&stage, &prompts, texts, &mut counts);
    let asked = conversations(&stage, &pairs);
    assert_eq!(asked.len(), 2 * texts.len());
    let said = |messages: &Vec<Message>| {
        let request = messages[0].content.as_str();
        (0..stage.times / 2).map(|number| reply(judge(request, number))).collect()
    };
    let replies: Vec<Vec<Reply>> = asked.iter().map(said).collect();
    let outcomes = Outcome::of_all(&stage, &pairs, &replies, &mut counts);
    let mut out = Vec::new();
    for (outcome, pair) in outcomes.iter().zip(pairs.all()) {
        let failed = |e| TrainError::write("out", e);
        outcome.write_preference(&pairs, pair, &mut out, &failed).expect("written");
    }
    (outcomes, counts, String::from_utf8(out).expect("UTF-8"))
}

/// Whether `text` stands at place A.
fn is_first(request: &str, text: &str) -> bool {
    request.contains(&format!("<response A>\n{text}"))
}

#[test]
fn a_judge_of_the_content_is_followed_whatever_the_order() {
    let texts = [["good 0", "bad 0"], ["bad 1", "<think>so</think>good 1"]];
    let (outcomes, counts, set) =
        judged("", &texts, |request, _| match is_first(request, "good") {
            true => "It is right. [[A>>B]]",
            false => "It is right. [[B>>A]]",
        });
    assert_eq!(outcomes.iter().map(|o| o.difference).collect::<Vec<_>>(), [Some(2.0), Some(-2.0)]);
    let lines: Vec<&str> = set.lines().collect();
    assert_eq!(
        lines,
        [
            r#"{"id":"line 1","prompt":"0","chosen":"good 0","rejected":"bad 0","difference":2.0}"#,
            r#"{"id":"line 2","prompt":"1","chosen":"<think>so</think>good 1","rejected":"bad 1","difference":2.0}"#,
        ]
    );
    assert_eq!((counts.judgements, counts.unreadable, counts.kept), (8, 0, 2));
    assert_eq!((counts.places.first, counts.places.second, counts.places.equal), (4, 4, 0));
}

#[test]
fn a_judge_that_always_prefers_the_first_place_prefers_nothing() {
    for keys in ["", "times=2", "times=8", "margin=0"] {
        let (outcomes, counts, set) = judged(keys, &[["a", "b"], ["c", "d"]], |_, _| "[[A>>B]]");
        assert!(outcomes.iter().all(|o| o.difference == Some(0.0)), "{keys}: {outcomes:?}");
        assert_eq!((set.as_str(), counts.dropped.below_margin), ("", 2), "{keys}");
        assert_eq!(
            (counts.places.first, counts.places.first_share),
            (counts.judgements, Some(1.0))
        );
    }
    // Nor where it is unreadable about one order more often than about the other.
    let (outcomes, ..) = judged("min_readable=3", &[["a", "b"]], |request, number| {
        if is_first(request, "b") && number == 0 { "Hm." } else { "[[A>>B]]" }
    });
    assert_eq!(outcomes[0].difference, Some(0.0));
    // What the place adds cancels out beside what is said of the content.
    let (outcomes, ..) = judged("margin=0", &[["good", "bad"]], |request, _| {
        if is_first(request, "good") { "[[A>>B]]" } else { "[[A=B]]" }
    });
    assert_eq!((outcomes[0].difference, outcomes[0].fate), (Some(1.0), Fate::Kept));
}

#[test]
fn a_mean_has_to_be_above_the_margin() {
    // Much better in the first askings of either order, else a little better.
    let judge = |much: usize| {
        move |request: &str, number: usize| match (is_first(request, "good"), number < much) {
            (true, true) => "[[A>>B]]",
            (true, false) => "[[A>B]]",
            (false, true) => "[[B>>A]]",
            (false, false) => "[[B>A]]",
        }
    };
    let kept = |keys: &str, much: usize| {
        let (outcomes, counts, _) = judged(keys, &[["good", "bad"]], judge(much));
        assert_eq!(counts.kept + counts.dropped.below_margin, 1);
        (outcomes[0].difference.expect("readable"), counts.kept)
    };
    assert_eq!(kept("", 0), (1.0, 0), "no more than the margin");
    assert_eq!(kept("", 1), (1.5, 1));
    assert_eq!(kept("margin=1.5", 1), (1.5, 0));
    assert_eq!(kept("margin=1.5", 2), (2.0, 1));
    assert_eq!(kept("margin=0.9", 0), (1.0, 1));
}

#[test]
fn replies_that_cannot_be_read_count_and_too_many_of_them_drop_a_pair() {
    // Unreadable in the second order for all numbers from this one on.
    let judge = |from: usize| {
        move |request: &str, number: usize| match (is_first(request, "good"), number >= from) {
            (true, _) => "[[A>>B]]",
            (false, false) => "[[B>>A]]",
            (false, true) => "I cannot say.",
        }
    };
    let counts = |keys: &str, from: usize| judged(keys, &[["good", "bad"]], judge(from)).1;
    let c = counts("", 1);
    assert_eq!((c.judgements, c.unreadable, c.kept, c.dropped.unreadable), (4, 1, 1, 0));
    let c = counts("", 0);
    assert_eq!((c.judgements, c.unreadable, c.kept, c.dropped.unreadable), (4, 2, 0, 1));
    let c = counts("min_readable=4", 1);
    assert_eq!((c.kept, c.dropped.unreadable), (0, 1));
}

#[test]
fn lengths_of_chosen_and_rejected_are_comparable() {
    let long = "good and on and on and on and on and on";
    let texts = [["good one", "bad one"], [long, "bad two"], ["bad three", "good three"]];
    let judge = |request: &str, _: usize| match is_first(request, "good") {
        true => "[[A>>B]]",
        false => "[[B>>A]]",
    };
    let (outcomes, counts, set) = judged("max_length_ratio=1.2", &texts, judge);
    let fates: Vec<Fate> = outcomes.iter().map(|o| o.fate).collect();
    assert_eq!(fates, [Fate::Kept, Fate::Length, Fate::Kept]);
    assert_eq!((counts.kept, counts.dropped.length), (2, 1));
    assert!(!set.contains("on and on"), "{set}");
    // Of what is kept: 8 and 10 characters chosen, 7 and 9 rejected.
    assert_eq!((counts.chosen_length, counts.rejected_length), (9.0, 8.0));
    let words = counts.words();
    for part in ["1 dropped: for its length", "2 kept", "chosen 9.0 and rejected 8.0 characters"] {
        assert!(words.contains(part), "{part} in {words}");
    }
    // A thought before the summary has no length.
    let thought = format!("<think>{long}</think>good one");
    let (_, counts, _) = judged("max_length_ratio=1.2", &[[&thought, "bad one"]], judge);
    assert_eq!((counts.kept, counts.chosen_length), (1, 8.0));
}

#[test]
fn the_file_of_pairs_says_what_became_of_each() {
    let stage = stage("samples=2");
    let (prompts, mut counts) = (prompts(&["0"]), PreferencePairCounts::default());
    let pairs = pairs(&stage, &prompts, &[["a", "b"]], &mut counts);
    let of = |text: &str| vec![reply(text), reply("what?")];
    let replies = [of("[[A>B]]"), of("[[B>>A]]")];
    let outcomes = Outcome::of_all(&stage, &pairs, &replies, &mut counts);
    let mut out = Vec::new();
    let failed = |e| TrainError::write("out", e);
    outcomes[0].write_pair(&pairs, &pairs.all()[0], &mut out, &failed).expect("written");
    let expected = "{\"id\":\"line 1\",\"prompt\":0,\"samples\":[0,1],\"verdicts\":[[1,null],[-2,null]],\
                    \"difference\":null,\"outcome\":\"unreadable\"}\n";
    assert_eq!(String::from_utf8(out).expect("UTF-8"), expected);
}
