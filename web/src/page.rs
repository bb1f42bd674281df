//! The page in the browser: the document's parts, and how they are connected.

mod ask;
mod chart;
mod chat;
mod client;
mod completion_card;
mod composer;
mod device_reason;
mod dom;
mod download;
mod group_view;
mod learn;
mod learn_view;
mod learner;
mod library;
mod machine;
mod meter_view;
mod models;
mod notices;
mod object;
mod prefs;
mod problems;
mod reward;
mod run;
mod run_view;
mod tabs;
mod tokens;
mod versus;

/// Connects everything that stands in `index.html`.
pub(crate) fn start() {
    use std::cell::RefCell;
    use std::rc::{Rc, Weak};

    prefs::connect_look();
    notices::connect();
    // The settings tell the tab of a new device, and the tab reads the settings as it begins.
    let reloads: Rc<RefCell<Weak<ask::Ask>>> = Rc::default();
    let told = reloads.clone();
    prefs::connect_settings(move || {
        if let Some(ask) = told.borrow().upgrade() {
            ask.reload();
        }
    });
    let ask = ask::Ask::new(models::Models::new());
    reloads.replace(Rc::downgrade(&ask));
    library::connect(&ask);
    for drawer in ["settings", "models"] {
        tabs::connect_drawer(drawer);
    }
    let learn = learn::Learn::new();
    tabs::connect(move |name| {
        if name == "learn" {
            learn.redraw();
        }
    });
}
