use super::*;

fn source<'a>(weight: f64, levels: &[&'a str]) -> SourceQuestions<'a> {
    let levels = levels.iter().map(|level| (!level.is_empty()).then_some(*level)).collect();
    SourceQuestions { weight, levels }
}

fn mixture(sources: &[SourceQuestions<'_>], curriculum: Curriculum) -> Mixture {
    Mixture::new(sources, curriculum, 7).expect("a mixture")
}

#[test]
fn one_source_is_asked_in_the_order_of_its_sampler() {
    let mixture = mixture(&[source(3.0, &[""; 11])], Curriculum::None);
    let (mut order, mut sampler) = (mixture.start(), EpochSampler::new(7, 11));
    for count in [4, 1, 9, 20] {
        assert_eq!(mixture.next_batch(&mut order, count, 0), sampler.next_batch(count));
    }
}

#[test]
fn shares_hold_in_every_batch_and_each_source_keeps_an_order_of_its_own() {
    let sources = [source(1.0, &[""; 30]), source(3.0, &[""; 5]), source(0.5, &[""; 40])];
    let mixture = mixture(&sources, Curriculum::None);
    let mut order = mixture.start();
    let (mut counts, mut drawn) = ([0_usize; 3], [Vec::new(), Vec::new(), Vec::new()]);
    for batch in 1..=50 {
        for question in mixture.next_batch(&mut order, 9, 0) {
            let source = mixture.source_of(question);
            counts[source] += 1;
            drawn[source].push(question - [0, 30, 35][source]);
        }
        for (count, share) in counts.iter().zip([1.0 / 4.5, 3.0 / 4.5, 0.5 / 4.5]) {
            let expected = share * 9.0 * f64::from(batch);
            assert!((*count as f64 - expected).abs() < 1.0, "{counts:?} after {batch} batches");
        }
    }
    for (index, len) in [30, 5, 40].into_iter().enumerate() {
        let mut alone = EpochSampler::new(source_seed(7, index), len);
        assert_eq!(drawn[index], alone.next_batch(counts[index]));
    }
    assert_eq!(source_seed(7, 0), 7);
}

#[test]
fn a_stored_order_goes_on_where_it_was() {
    let rates = Curriculum::PassRate { low: 0.2, high: 0.8, outside: 0.3 };
    let levels = Curriculum::Level { steps: 20, order: LevelOrder::Natural };
    for curriculum in [Curriculum::None, levels, rates] {
        let sources = [source(1.0, &["1", "2", "3", "1", "2"]), source(2.0, &["", "", ""])];
        let mixture = mixture(&sources, curriculum);
        let step = |order: &mut QuestionOrder, step: u64| {
            let batch = mixture.next_batch(order, 4, step);
            for &question in &batch {
                mixture.saw(order, question, question as u32 % 5, 4);
            }
            batch
        };
        let mut whole = mixture.start();
        let batches: Vec<_> = (0..30).map(|i| step(&mut whole, i)).collect();
        for cut in [0, 1, 7, 29] {
            let mut first = mixture.start();
            (0..cut).for_each(|i| drop(step(&mut first, i)));
            let text = serde_json::to_string(&first).expect("has a JSON form");
            let mut second: QuestionOrder = serde_json::from_str(&text).expect("reads again");
            assert_eq!(second, first);
            let rest: Vec<_> = (cut..30).map(|i| step(&mut second, i)).collect();
            assert_eq!(rest, batches[cut as usize..]);
        }
    }
}

#[test]
fn a_state_of_one_source_alone_is_still_read() {
    let mut sampler = EpochSampler::new(7, 6);
    sampler.next_batch(4);
    let text = serde_json::to_string(&sampler).expect("has a JSON form");
    let mut order: QuestionOrder = serde_json::from_str(&text).expect("reads");
    let mixture = mixture(&[source(1.0, &[""; 6])], Curriculum::None);
    assert_eq!(order.item_counts(), mixture.item_counts());
    assert_eq!(mixture.next_batch(&mut order, 9, 0), sampler.next_batch(9));
}

#[test]
fn levels_join_one_after_the_other_and_each_source_by_its_own() {
    let sources = [
        source(1.0, &["10", "countdown", "2", "1", "2", ""]),
        source(1.0, &["hard", "easy"]),
        source(1.0, &["", "", ""]),
    ];
    let order = LevelOrder::Listed(
        ["1", "2", "easy", "10", "hard", "countdown"].map(str::to_owned).to_vec(),
    );
    for order in [LevelOrder::Natural, order] {
        let mixture = mixture(&sources, Curriculum::Level { steps: 40, order });
        let reached = |step: u64| {
            let mut order = mixture.start();
            let mut seen = mixture.next_batch(&mut order, 200, step);
            seen.sort_unstable();
            seen.dedup();
            seen
        };
        // The first source has four levels, which join at 0, 10, 20 and 30 steps; those without a
        // level are always there.
        assert_eq!(reached(0)[..2], [3, 5]);
        assert_eq!(reached(9)[..3], [3, 5, 7]);
        assert_eq!(reached(10)[..4], [2, 3, 4, 5]);
        assert_eq!(reached(20)[..5], [0, 2, 3, 4, 5]);
        assert_eq!(reached(30), (0..11).collect::<Vec<_>>());
        let start = mixture.start();
        let shares = [0, 10, 20, 30].map(|step| mixture.open_share(&start, step) * 11.0);
        assert_eq!(shares.map(f64::round), [6.0, 8.0, 10.0, 11.0]);
    }
    let order = LevelOrder::Listed(vec!["1".to_owned()]);
    let error = Mixture::new(&sources, Curriculum::Level { steps: 4, order }, 7).unwrap_err();
    assert_eq!(error, "10");
}

#[test]
fn questions_of_a_middling_pass_rate_are_asked_more_often() {
    let curriculum = |outside| Curriculum::PassRate { low: 0.1, high: 0.9, outside };
    let counts = |outside: f64| {
        let mixture = mixture(&[source(1.0, &[""; 60])], curriculum(outside));
        let (mut order, mut counts) = (mixture.start(), [0_u32; 60]);
        for _ in 0..3_000 {
            let question = mixture.next_batch(&mut order, 1, 0)[0];
            counts[question] += 1;
            // A third each: never, half, always.
            mixture.saw(&mut order, question, [0, 4, 8][question % 3], 8);
        }
        assert!((mixture.open_share(&order, 0) - 1.0 / 3.0).abs() < 1e-9);
        counts
    };
    let none = counts(0.0);
    for (question, count) in none.iter().enumerate() {
        // Each is asked once to know its rate.
        assert!(if question % 3 == 1 { *count >= 140 } else { *count == 1 }, "{none:?}");
    }
    let some = counts(0.25);
    let sum = |rest: usize| some.iter().skip(rest).step_by(3).sum::<u32>();
    // Of each epoch 20 questions and a quarter of the other 40: a third of what is asked is outside,
    // 1,000 of 3,000 with a deviation of some 26 between binomial draws.
    let outside = sum(0) + sum(2);
    assert!((880..1_120).contains(&outside), "{outside} of 3,000");
    assert!(sum(0) > 300 && sum(2) > 300, "{some:?}");
}

#[test]
fn a_rate_follows_what_was_seen_last() {
    let rates = Curriculum::PassRate { low: 0.0, high: 0.5, outside: 0.0 };
    let mixture = mixture(&[source(1.0, &[""; 2])], rates);
    let mut order = mixture.start();
    mixture.saw(&mut order, 1, 8, 8);
    assert_eq!(order.sources[0].seen, [[0, 0], [8, 8]]);
    mixture.saw(&mut order, 1, 2, 8);
    assert_eq!(order.sources[0].seen[1], [6, 12]);
    // 6 of 12 is within the bounds again.
    let mut asked = mixture.next_batch(&mut order, 2, 0);
    asked.sort_unstable();
    assert_eq!(asked, [0, 1]);
    // Where nothing is left, something is asked nevertheless.
    for question in [0, 1] {
        mixture.saw(&mut order, question, 80, 80);
    }
    assert_eq!(mixture.next_batch(&mut order, 5, 0).len(), 5);
}

#[test]
fn names_with_numbers_sort_by_them() {
    let mut names = ["countdown", "Level 10", "3", "Level 2", "20", "a"];
    names.sort_by_key(|name| natural(name));
    assert_eq!(names, ["3", "20", "Level 2", "Level 10", "a", "countdown"]);
}
