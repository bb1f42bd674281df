//! Plain JavaScript objects: the values that cross to the clients.

use js_sys::{Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};

/// An object with these fields; a field that is `undefined` is left out.
pub(crate) fn object(fields: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in fields {
        if !value.is_undefined() {
            // A new object refuses no field.
            let _ = Reflect::set(&object, &(*name).into(), value);
        }
    }
    object.into()
}

/// A field of any value; `undefined` where there is none.
pub(crate) fn field(value: &JsValue, name: &str) -> JsValue {
    Reflect::get(value, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

/// A text of any value: an error's message, a string, or what it prints as.
pub(crate) fn message(value: &JsValue) -> String {
    if let Some(error) = value.dyn_ref::<js_sys::Error>() {
        return String::from(error.message());
    }
    value
        .as_string()
        .or_else(|| field(value, "message").as_string())
        .unwrap_or_else(|| format!("{value:?}"))
}

/// Whether an error says that the visitor broke it off.
pub(crate) fn is_abort(error: &JsValue) -> bool {
    field(error, "name").as_string().as_deref() == Some("AbortError")
}
