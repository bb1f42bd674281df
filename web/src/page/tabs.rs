//! Tabs and drawers by pointer and keyboard.

use wasm_bindgen::JsCast;
use web_sys::{HtmlDialogElement, HtmlElement, KeyboardEvent, MouseEvent};

use crate::page::dom::{by_id, on, set, show, window};

const TABS: [&str; 3] = ["ask", "learn", "about"];

/// Connects the tabs; `on_open` runs with the name of a tab that is opened.
pub(crate) fn connect(on_open: impl Fn(&str) + Clone + 'static) {
    for (i, name) in TABS.into_iter().enumerate() {
        let tab = tab(name);
        let opened = on_open.clone();
        on(&tab, "click", move |_| {
            open(name);
            opened(name);
        });
        on(&tab, "keydown", move |event| {
            let key = event.dyn_ref::<KeyboardEvent>().map(KeyboardEvent::key).unwrap_or_default();
            let to = match key.as_str() {
                "ArrowRight" => (i + 1) % TABS.len(),
                "ArrowLeft" => (i + TABS.len() - 1) % TABS.len(),
                "Home" => 0,
                "End" => TABS.len() - 1,
                _ => return,
            };
            event.prevent_default();
            let to = self::tab(TABS[to]);
            to.focus().unwrap_or_default();
            to.click();
        });
    }
    // A link to a tab, `#learn`: as the page begins, and when the address is changed.
    let follow = move || {
        let hash = window().location().hash().unwrap_or_default();
        if let Some(name) = TABS.into_iter().find(|name| hash.strip_prefix('#') == Some(*name)) {
            open(name);
            on_open(name);
        }
    };
    follow();
    on(&window(), "hashchange", move |_| follow());
}

fn tab(name: &str) -> HtmlElement {
    by_id(&["tab-", name].concat())
}

fn open(name: &str) {
    for other in TABS {
        let chosen = other == name;
        let tab = tab(other);
        set(&tab, "aria-selected", if chosen { "true" } else { "false" });
        set(&tab, "tabindex", if chosen { "0" } else { "-1" });
        show(&by_id::<HtmlElement>(other), chosen);
    }
    if let Ok(history) = window().history() {
        let _ = history.replace_state_with_url(
            &wasm_bindgen::JsValue::NULL,
            "",
            Some(&["#", name].concat()),
        );
    }
}

/// Connects a drawer to its button. Escape closes it, and a click beside it.
pub(crate) fn connect_drawer(name: &str) {
    let drawer: HtmlDialogElement = by_id(name);
    let shown = drawer.clone();
    on(&by_id::<HtmlElement>(&["open-", name].concat()), "click", move |_| {
        shown.show_modal().unwrap_or_default();
    });
    on(&drawer.clone(), "click", move |event| {
        let Some(click) = event.dyn_ref::<MouseEvent>() else { return };
        // Keys make clicks without a place.
        let pressed = click.client_x() != 0 || click.client_y() != 0;
        if pressed && f64::from(click.client_x()) < drawer.get_bounding_client_rect().left() {
            drawer.close();
        }
    });
}
