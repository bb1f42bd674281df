use super::super::app::tests::{app_of, press};
use super::*;

fn text(screen: &Screen) -> String {
    screen.lines.iter().map(|line| line.text.trim_end().to_owned() + "\n").collect()
}

#[test]
fn an_item_is_shown_with_all_that_a_person_needs() {
    let (_dir, _path, mut app) = app_of(3);
    press(&mut app, "a");
    let screen = view(&mut app, 80, 24);
    let shown = text(&screen);
    for words in [
        "item 2 of 3  [######--------------]  2 open, 1 accepted, 0 edited, 0 rejected",
        "open  (p1, plain, rewritten)",
        "What is 1 + 1?",
        "correct; answer: 2, gold: 2",
        "! hardly any thinking",
        "1 and 1",
        "It is 2.",
        "t shows what the model wrote",
        "accepted: item 1",
        "a accept  r reject  e edit  u undo  q quit  n/p next/previous  ? help",
    ] {
        assert!(shown.contains(words), "no `{words}` in\n{shown}");
    }
    assert_eq!((screen.lines.len(), screen.cursor), (24, None));
    press(&mut app, "t");
    assert!(text(&view(&mut app, 80, 24)).contains("<think>1 1</think>2"));
    press(&mut app, "p");
    assert!(text(&view(&mut app, 80, 24)).contains("accepted  (p0, plain)"), "told by a word");
}

#[test]
fn every_screen_keeps_its_size_whatever_the_terminal() {
    let (_dir, _path, mut app) = app_of(2);
    for keys in ["", "?", "q", "g1", "\u{1b}i"] {
        press(&mut app, keys);
        for columns in [1, 8, 20, 39, 40, 80, 200] {
            for rows in [1, 4, 6, 12, 50] {
                let screen = view(&mut app, columns, rows);
                assert_eq!(screen.lines.len(), rows.max(4));
                let longest = screen.lines.iter().map(|l| width(&l.text)).max().unwrap_or(0);
                assert!(longest <= columns.max(8), "{keys} {columns}x{rows}: {screen:?}");
                if let Some((row, column)) = screen.cursor {
                    assert!(row < rows.max(4) && column < columns.max(8), "{columns}x{rows}");
                }
            }
        }
    }
    let narrow = text(&view(&mut app, 24, 10));
    assert!(narrow.contains("Ctrl-S"), "{narrow}");
    press(&mut app, "\u{1b}");
    let narrow = text(&view(&mut app, 24, 10));
    assert!(narrow.contains("? help") && narrow.contains("2 open"), "{narrow}");
}

#[test]
fn what_does_not_fit_is_told_and_scrolled_to_its_end() {
    let (_dir, _path, mut app) = app_of(2);
    let screen = view(&mut app, 30, 8);
    assert_eq!(screen.page, 4);
    assert!(text(&screen).contains("more lines, space shows"), "{}", text(&screen));
    app.scroll = usize::MAX;
    let end = text(&view(&mut app, 30, 8));
    assert!(end.contains("It is 1.") && !end.contains("more lines"), "{end}");
    let scrolled = app.scroll;
    press(&mut app, "k");
    assert_eq!(app.scroll, scrolled - 1, "at the end, not far behind it");
}

#[test]
fn an_empty_queue_has_a_screen_too() {
    let (_dir, _path, mut app) = app_of(0);
    assert!(text(&view(&mut app, 60, 10)).contains("the queue is empty"));
    for keys in ["a", "r", "e", "i", "n", "p", "o", "g1\n", "u"] {
        press(&mut app, keys);
    }
    assert_eq!(app.at, 0);
}
