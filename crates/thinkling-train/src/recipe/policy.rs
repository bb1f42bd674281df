//! The table `policy`: each convention of [`Policy`] by its own name.
//!
//! The keys are read off the default policy, so that a new convention needs no line here.

use serde_json::Value;
use thinkling_reward::math::Policy;

use super::section::Section;
use crate::error::Result;

/// Reads conventions over the default ones.
pub(super) fn read_policy(mut s: Section<'_>) -> Result<Policy> {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(Policy::default()) else {
        return Err(s.misfit("a policy that has no JSON form"));
    };
    for (key, value) in &mut fields {
        match value {
            Value::Bool(on) => s.flag(key, on)?,
            Value::Number(number) => {
                let mut count = number.as_u64().unwrap_or(0);
                s.integer(key, &mut count, 0, u32::MAX.into())?;
                *number = count.into();
            }
            Value::String(text) => {
                if let Some(written) = s.text(key)? {
                    *text = written;
                }
            }
            _ => {}
        }
    }
    let policy = serde_json::from_value(Value::Object(fields)).map_err(|e| s.misfit(e));
    s.finish()?;
    policy
}
