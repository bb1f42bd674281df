use super::*;
use crate::error::TrainError;
use std::fs;
use tempfile::{TempDir, tempdir};

/// A queue of so many items.
fn queue(items: usize) -> (TempDir, PathBuf) {
    let dir = tempdir().expect("temporary folder");
    let path = dir.path().join("cold.review.jsonl");
    let lines: String = (0..items)
        .map(|i| {
            let texts = Texts { thinking: format!("{i} and 1"), summary: format!("{}", i + 1) };
            let item = Item { item: i, question: format!("{i} + 1?"), texts, ..Item::default() };
            serde_json::to_string(&item).expect("JSON") + "\n"
        })
        .collect();
    fs::write(&path, lines).expect("written queue");
    (dir, path)
}

fn open(path: &Path) -> Review {
    Review::open(path).expect("a sound queue")
}

fn edit(summary: &str) -> Decision {
    Decision::Edit(Texts { thinking: "so".to_owned(), summary: summary.to_owned() })
}

#[test]
fn decisions_outlive_the_process_and_undo_goes_on_behind_it() {
    let (_dir, path) = queue(4);
    let mut review = open(&path);
    assert_eq!((review.next_open(0), review.undo().expect("nothing to do")), (Some(0), None));
    review.decide(0, Decision::Accept).expect("written");
    review.decide(1, Decision::Reject).expect("written");
    review.decide(2, edit("3!")).expect("written");
    drop(review);
    let mut review = open(&path);
    assert_eq!(review.next_open(0), Some(3));
    assert_eq!(review.texts(2).summary, "3!");
    let counts = review.counts();
    assert_eq!((counts.accepted, counts.edited, counts.rejected, counts.open), (1, 1, 1, 1));
    assert_eq!(review.undo().expect("written"), Some(2));
    assert_eq!((review.state(2), review.texts(2).summary.as_str()), (None, "3"));
    drop(review);
    let mut review = open(&path);
    assert_eq!((review.next_open(3), review.next_open(4)), (Some(3), Some(2)), "round the end");
    assert_eq!(review.undo().expect("written"), Some(1));
    assert_eq!(review.undo().expect("written"), Some(0));
    assert_eq!((review.undo().expect("nothing"), review.counts().open), (None, 4));
}

#[test]
fn undo_brings_back_what_an_item_was_before() {
    let (_dir, path) = queue(1);
    let mut review = open(&path);
    review.decide(0, edit("one")).expect("written");
    review.decide(0, Decision::Accept).expect("nothing new");
    assert_eq!(review.texts(0).summary, "one", "an edited item is accepted as edited");
    review.decide(0, Decision::Reject).expect("written");
    assert_eq!(review.undo().expect("written"), Some(0));
    assert_eq!(review.state(0), Some(&(edit("one"), By::Person)));
    let same = review.items()[0].texts.clone();
    review.decide(0, Decision::Edit(same)).expect("written");
    assert_eq!(review.state(0), Some(&(Decision::Accept, By::Person)), "an edit without change");
    assert_eq!(open_lines(&path), 4);
}

fn open_lines(queue: &Path) -> usize {
    fs::read_to_string(decisions_file(queue)).expect("decisions").lines().count()
}

#[test]
fn accepting_all_is_recorded_as_such_and_leaves_what_is_decided() {
    let (_dir, path) = queue(3);
    let mut review = open(&path);
    review.decide(1, Decision::Reject).expect("written");
    assert_eq!(review.accept_all().expect("written"), 2);
    let counts = review.counts();
    assert_eq!((counts.by_person, counts.by_accept_all, counts.rejected), (1, 2, 1));
    let text = fs::read_to_string(decisions_file(&path)).expect("decisions");
    assert_eq!(text.matches("\"by\":\"accept-all\"").count(), 2, "{text}");
    assert_eq!(review.accept_all().expect("nothing"), 0);
    drop(review);
    assert_eq!(open(&path).counts(), counts);
}

#[test]
fn a_line_that_was_cut_anywhere_is_dropped_and_the_ones_before_it_stay() {
    let (_dir, path) = queue(2);
    let mut review = open(&path);
    review.decide(0, Decision::Accept).expect("written");
    let file = decisions_file(&path);
    let one = fs::read(&file).expect("decisions").len();
    review.decide(1, edit("zwei\n二")).expect("written");
    let both = fs::read(&file).expect("decisions");
    drop(review);
    for cut in one..both.len() {
        fs::write(&file, &both[..cut]).expect("cut");
        let mut review = open(&path);
        assert_eq!((review.counts().accepted, review.counts().open), (1, 1), "{cut}");
        review.decide(1, edit("zwei\n二")).expect("written");
        drop(review);
        assert_eq!(fs::read(&file).expect("decisions"), both, "{cut}");
    }
}

#[test]
fn a_second_reviewer_and_decisions_on_another_queue_are_refused() {
    let (_dir, path) = queue(2);
    let mut review = open(&path);
    let busy = Review::open(&path).expect_err("in use");
    assert!(matches!(busy, TrainError::ReviewBusy { .. }) && busy.exit_code() == 1, "{busy}");
    review.decide(1, Decision::Accept).expect("written");
    drop(review);
    let text = fs::read_to_string(&path).expect("the queue");
    fs::write(&path, text.replace("1 + 1?", "1 + 2?")).expect("written");
    let error = Review::open(&path).expect_err("another queue");
    assert!(error.exit_code() == 3 && error.to_string().contains("another queue"), "{error}");
    fs::write(&path, text.replace("\"item\":1", "\"item\":5")).expect("written");
    let error = Review::open(&path).expect_err("no such place").to_string();
    assert!(error.contains(".review.jsonl:2") && error.contains("expected: 1, got: 5"), "{error}");
    fs::write(&path, "{\"messages\":[]}\n").expect("written");
    assert_eq!(Review::open(&path).expect_err("no queue").exit_code(), 3);
}
