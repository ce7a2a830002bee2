//! Which state belongs to an input.

use serde_json::Value;

use super::Manifest;
use crate::call::Input;
use crate::error::Failure;
use crate::limits::STATE_KEY_BYTES_MAX;

/// The key under which the state for this input is stored; `None` if the plugin keeps none.
///
/// The key is whatever the publisher wrote there, so it is not fit to be a path or a subject as it is.
///
/// # Errors
/// SB-4112 if the plugin keeps state but this input has no key: no JSON, nothing at the pointer, or something that is
/// not a string, number or boolean there, or a key of more than [`STATE_KEY_BYTES_MAX`] bytes. Running the plugin
/// without state instead would silently give wrong answers.
pub fn state_key(manifest: &Manifest, input: &Input<'_>) -> Result<Option<String>, Failure> {
    let Some(state) = &manifest.state else {
        return Ok(None);
    };
    let key = if state.key == "const" {
        Some("const".to_owned())
    } else if let Some(name) = state.key.strip_prefix("attribute:") {
        match input {
            Input::Event(event) => event.attribute(name).map(std::borrow::Cow::into_owned),
            Input::Raw { .. } => None,
        }
    } else {
        let bytes: &[u8] = match input {
            Input::Event(event) => event.data().map_or(&[], |data| data),
            Input::Raw { bytes, .. } => bytes,
        };
        serde_json::from_slice::<Value>(bytes)
            .ok()
            .and_then(|json| scalar(json.pointer(&state.key)?))
    };
    match key {
        Some(key) if key.is_empty() || key.len() > STATE_KEY_BYTES_MAX => Err(Failure::new(
            "SB-4112",
            format!(
                "the state key `{}` of this input is empty or longer than {STATE_KEY_BYTES_MAX} bytes",
                state.key
            ),
        )),
        Some(key) => Ok(Some(key)),
        None => Err(Failure::new(
            "SB-4112",
            format!(
                "this input has no string, number or boolean at the state key `{}`",
                state.key
            ),
        )),
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
