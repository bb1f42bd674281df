//! What the page remembers: theme, language, settings. Without `localStorage` it forgets, and works.

use std::cell::RefCell;

use wasm_bindgen::JsValue;
use web_sys::{HtmlElement, HtmlInputElement, HtmlSelectElement, Storage};

use crate::number::reward as short;
use crate::page::dom::{by_id, document, on, set, set_language, window, write};
use crate::page::object::object;
use crate::strings::Language;

fn storage() -> Option<Storage> {
    window().local_storage().ok().flatten()
}

/// What was kept under a name.
pub(crate) fn recall(name: &str) -> Option<String> {
    storage()?.get_item(&["thinkling-", name].concat()).ok().flatten()
}

/// Keeps a value, where that is possible.
pub(crate) fn keep(name: &str, value: &str) {
    if let Some(storage) = storage() {
        // A full or forbidden store: the choice holds for this visit.
        let _ = storage.set_item(&["thinkling-", name].concat(), value);
    }
}

/// How completions are drawn, and where.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    pub(crate) temperature: f64,
    pub(crate) top_p: f64,
    pub(crate) top_k: f64,
    pub(crate) max_tokens: f64,
    pub(crate) seed: f64,
    pub(crate) new_seed: bool,
    pub(crate) device: String,
    pub(crate) template: String,
    /// Whether completions have a meter.
    pub(crate) meter: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_p: 1.0,
            top_k: 0.0,
            max_tokens: 128.0,
            seed: 1.0,
            new_seed: true,
            device: "auto".into(),
            template: "auto".into(),
            meter: true,
        }
    }
}

impl Settings {
    /// The fields of a request.
    pub(crate) fn sampling(&self) -> Vec<(&'static str, JsValue)> {
        let mut fields = vec![
            ("temperature", self.temperature.into()),
            ("seed", self.seed.into()),
            ("maxTokens", self.max_tokens.into()),
        ];
        if self.top_p < 1.0 {
            fields.push(("topP", self.top_p.into()));
        }
        if self.top_k > 0.0 {
            fields.push(("topK", self.top_k.into()));
        }
        fields
    }

    fn to_line(&self) -> String {
        let Self { temperature, top_p, top_k, max_tokens, seed, .. } = self;
        let Self { new_seed, device, template, meter, .. } = self;
        format!(
            "{temperature} {top_p} {top_k} {max_tokens} {seed} {new_seed} {device} {template} {meter}"
        )
    }

    fn of_line(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let mut number = || words.next()?.parse::<f64>().ok();
        let [temperature, top_p, top_k, max_tokens, seed] =
            [number()?, number()?, number()?, number()?, number()?];
        Some(Self {
            temperature: temperature.clamp(0.0, 2.0),
            top_p: top_p.clamp(0.05, 1.0),
            top_k: whole(top_k, 0.0),
            max_tokens: whole(max_tokens, 1.0),
            seed: whole(seed, 0.0),
            new_seed: words.next()?.parse().ok()?,
            device: words.next()?.into(),
            template: words.next()?.into(),
            // Lines of earlier visits may end here.
            meter: words.next() != Some("false"),
        })
    }
}

/// A whole number from `low` to what JavaScript holds exactly.
fn whole(value: f64, low: f64) -> f64 {
    if value.is_finite() { value.floor().clamp(low, 9_007_199_254_740_991.0) } else { low }
}

thread_local! {
    static SETTINGS: RefCell<Settings> = RefCell::new(Settings::default());
}

/// The settings as they are.
pub(crate) fn settings() -> Settings {
    SETTINGS.with_borrow(Clone::clone)
}

/// Changes the settings, shows and keeps them.
pub(crate) fn change(change: impl FnOnce(&mut Settings)) {
    let settings = SETTINGS.with_borrow_mut(|settings| {
        change(settings);
        settings.clone()
    });
    keep("settings", &settings.to_line());
    show_settings(&settings);
}

fn show_settings(settings: &Settings) {
    let input = |id: &str, value: f64| by_id::<HtmlInputElement>(id).set_value(&value.to_string());
    input("temperature", settings.temperature);
    input("top-p", settings.top_p);
    input("top-k", settings.top_k);
    input("max-tokens", settings.max_tokens);
    input("seed", settings.seed);
    by_id::<HtmlInputElement>("new-seed").set_checked(settings.new_seed);
    by_id::<HtmlInputElement>("meter").set_checked(settings.meter);
    by_id::<HtmlSelectElement>("device-choice").set_value(&settings.device);
    by_id::<HtmlSelectElement>("template").set_value(&settings.template);
    write(&by_id::<HtmlElement>("temperature-value"), &short(settings.temperature));
    write(&by_id::<HtmlElement>("top-p-value"), &short(settings.top_p));
}

/// Connects the settings drawer; `on_device` runs when another device is chosen.
pub(crate) fn connect_settings(on_device: impl Fn() + 'static) {
    let kept = recall("settings").and_then(|line| Settings::of_line(&line)).unwrap_or_default();
    SETTINGS.set(kept.clone());
    show_settings(&kept);
    type Field = (&'static str, &'static str, fn(&mut Settings, f64));
    let numbers: [Field; 5] = [
        ("temperature", "input", |s, v| s.temperature = v),
        ("top-p", "input", |s, v| s.top_p = v),
        ("top-k", "change", |s, v| s.top_k = whole(v, 0.0)),
        ("max-tokens", "change", |s, v| s.max_tokens = whole(v, 1.0)),
        ("seed", "change", |s, v| s.seed = whole(v, 0.0)),
    ];
    for (id, event, store) in numbers {
        let input: HtmlInputElement = by_id(id);
        on(&input.clone(), event, move |_| change(|s| store(s, input.value_as_number())));
    }
    let new_seed: HtmlInputElement = by_id("new-seed");
    on(&new_seed.clone(), "change", move |_| change(|s| s.new_seed = new_seed.checked()));
    let meter: HtmlInputElement = by_id("meter");
    on(&meter.clone(), "change", move |_| change(|s| s.meter = meter.checked()));
    let template: HtmlSelectElement = by_id("template");
    on(&template.clone(), "change", move |_| change(|s| s.template = template.value()));
    let device: HtmlSelectElement = by_id("device-choice");
    let on_device = std::rc::Rc::new(on_device);
    let changed = on_device.clone();
    on(&device.clone(), "change", move |_| {
        change(|s| s.device = device.value());
        changed();
    });
    on(&by_id::<HtmlElement>("defaults"), "click", move |_| {
        let device_changes = settings().device != Settings::default().device;
        change(|s| *s = Settings::default());
        if device_changes {
            on_device();
        }
    });
}

/// Connects theme and language, and applies what was kept or what the browser asks for.
pub(crate) fn connect_look() {
    let language = recall("language").or_else(|| window().navigator().language());
    set_language(Language::of_tag(&language.unwrap_or_default()));
    on(&by_id::<HtmlElement>("language"), "click", |_| {
        let language = crate::page::dom::language().other();
        keep("language", language.tag());
        set_language(language);
    });
    let system = window().match_media("(prefers-color-scheme: dark)").ok().flatten();
    let system_dark = system.as_ref().is_some_and(web_sys::MediaQueryList::matches);
    match recall("theme").as_deref() {
        Some(theme @ ("dark" | "light")) => set_theme(theme == "dark"),
        _ => set_theme(system_dark),
    }
    if let Some(system) = system {
        on(&system.clone(), "change", move |_| {
            if recall("theme").is_none() {
                set_theme(system.matches());
            }
        });
    }
    on(&by_id::<HtmlElement>("theme"), "click", |_| {
        let dark = !is_dark();
        keep("theme", if dark { "dark" } else { "light" });
        set_theme(dark);
    });
}

fn is_dark() -> bool {
    let root = document().document_element();
    root.and_then(|root| root.get_attribute("data-theme")).as_deref() == Some("dark")
}

fn set_theme(dark: bool) {
    if let Some(root) = document().document_element() {
        set(&root, "data-theme", if dark { "dark" } else { "light" });
    }
    set(&by_id::<HtmlElement>("theme"), "aria-pressed", if dark { "true" } else { "false" });
}

/// The options for loading a model that the settings decide.
pub(crate) fn load_options(extra: &[(&str, JsValue)]) -> JsValue {
    let device = JsValue::from(settings().device);
    object(&[&[("device", device)], extra].concat())
}
