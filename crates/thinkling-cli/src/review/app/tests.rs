use super::*;
use std::fs;
use std::path::PathBuf;
use tempfile::{TempDir, tempdir};
use thinkling_train::review::{Item, Texts};

const PAGE: usize = 10;

/// A queue of so many items, and the screen on it.
pub(in crate::review) fn app_of(items: usize) -> (TempDir, PathBuf, App) {
    let dir = tempdir().expect("temporary folder");
    let path = dir.path().join("cold.review.jsonl");
    let item = |i: usize| Item {
        item: i,
        id: format!("p{i}"),
        question: format!("What is {i} + 1?"),
        texts: Texts { thinking: format!(" {i} and 1 "), summary: format!(" It is {}.", i + 1) },
        answer: Some((i + 1).to_string()),
        gold: Some((i + 1).to_string()),
        verdict: "correct".to_owned(),
        way: "plain".to_owned(),
        original: (i == 1).then(|| "<think>1 1</think>2".to_owned()),
        doubts: vec!["hardly any thinking: 3 words and signs".to_owned()],
    };
    let lines: String =
        (0..items).map(|i| serde_json::to_string(&item(i)).expect("JSON") + "\n").collect();
    fs::write(&path, lines).expect("written queue");
    let app = App::new(Review::open(&path).expect("a sound queue"), true);
    (dir, path, app)
}

pub(in crate::review) fn press(app: &mut App, keys: &str) -> Todo {
    let mut todo = Todo::Draw;
    for c in keys.chars() {
        let code = match c {
            '\n' => KeyCode::Enter,
            '\u{1b}' => KeyCode::Esc,
            c => KeyCode::Char(c),
        };
        todo = app.key(KeyEvent::new(code, KeyModifiers::NONE), PAGE).expect("written");
    }
    todo
}

fn control(app: &mut App, c: char) -> Todo {
    app.key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL), PAGE).expect("written")
}

#[test]
fn deciding_goes_on_and_undo_goes_back() {
    let (_dir, path, mut app) = app_of(3);
    press(&mut app, "a");
    assert_eq!((app.at, app.message.as_str()), (1, "accepted: item 1"));
    press(&mut app, "r");
    assert_eq!(app.at, 2);
    press(&mut app, "u");
    assert_eq!((app.at, app.message.as_str()), (1, "taken back: item 2"));
    press(&mut app, "na");
    assert_eq!(app.at, 1, "round the end to what is open");
    press(&mut app, "a");
    assert!(app.message.contains("nothing is open"), "{}", app.message);
    assert_eq!(press(&mut app, "q"), Todo::Quit);
    let counts = app.review.counts();
    assert_eq!((counts.accepted, counts.open, counts.by_person), (3, 0, 3));
    drop(app);
    let app = App::new(Review::open(&path).expect("sound"), true);
    assert!(app.message.contains("nothing is open"), "{}", app.message);
}

#[test]
fn the_next_call_begins_at_the_first_open_item() {
    let (_dir, path, mut app) = app_of(4);
    press(&mut app, "aa");
    drop(app);
    let mut app = App::new(Review::open(&path).expect("sound"), true);
    assert_eq!((app.at, app.message.as_str()), (2, "going on with the first open item"));
    press(&mut app, "uu");
    assert_eq!((app.at, app.review.counts().open), (0, 4));
    press(&mut app, "u");
    assert_eq!(app.message, "nothing to take back");
}

#[test]
fn numbers_lead_to_items_and_others_are_refused() {
    let (_dir, _path, mut app) = app_of(12);
    press(&mut app, "g11\n");
    assert_eq!(app.at, 10);
    for (typed, at) in [("g0\n", 10), ("g13\n", 10), ("g\n", 10), ("g3\u{1b}", 10), ("gx2\n", 1)] {
        press(&mut app, typed);
        assert_eq!(app.at, at, "{typed}");
    }
    press(&mut app, "g99\n");
    assert_eq!(app.message, "expected: a number from 1 to 12");
    press(&mut app, "ppp");
    assert_eq!(app.at, 0, "not before the first");
    press(&mut app, "g12\nnn");
    assert_eq!(app.at, 11, "not behind the last");
}

#[test]
fn the_editors_text_is_taken_and_a_broken_one_changes_nothing() {
    let (_dir, _path, mut app) = app_of(2);
    let Todo::Edit(text) = press(&mut app, "e") else { panic!("no editor") };
    app.edited(Err("the editor `vi` ended with 1".to_owned())).expect("told");
    app.edited(Ok(text.replace("summary -----", ""))).expect("told");
    assert!(app.message.contains("missing"), "{}", app.message);
    app.edited(Ok(text.clone())).expect("told");
    assert!(app.message.contains("nothing was changed"), "{}", app.message);
    assert_eq!((app.at, app.review.counts().open), (0, 2));
    app.edited(Ok(text.replace("It is 1.", "One."))).expect("written");
    assert_eq!((app.at, app.review.counts().edited), (1, 1));
    let texts = app.review.texts(0);
    assert_eq!((texts.thinking.as_str(), texts.summary.as_str()), (" 0 and 1 ", " One."));
}

#[test]
fn without_an_editor_an_item_is_edited_here() {
    let (_dir, _path, mut app) = app_of(2);
    app.editor = false;
    assert_eq!(press(&mut app, "eSo \u{1b}"), Todo::Draw);
    assert_eq!((app.review.counts().open, app.mode.clone()), (2, Mode::Reading), "Esc leaves it");
    press(&mut app, "iSo q");
    assert!(matches!(app.mode, Mode::Editing(_)), "letters are text here");
    control(&mut app, 's');
    assert_eq!(app.review.texts(0).thinking, " So q0 and 1 ");
    assert_eq!((app.at, app.review.counts().edited), (1, 1));
    press(&mut app, "i");
    assert_eq!(control(&mut app, 'c'), Todo::Quit, "Ctrl-C ends from everywhere");
}
