//! The page on rewards says what the code does.

use serde_json::Value;
use thinkling_reward::math::Policy;

const PAGE: &str = include_str!("../../../../docs/rewards.md");

#[test]
fn every_policy_key_stands_there_with_its_default() {
    let Ok(Value::Object(keys)) = serde_json::to_value(Policy::default()) else {
        panic!("a policy is an object")
    };
    for (key, default) in keys {
        let row = PAGE.lines().find(|line| line.starts_with(&format!("| `{key}` |")));
        let row = row.unwrap_or_else(|| panic!("no row for `{key}` in docs/rewards.md"));
        assert!(row.ends_with(&format!("| `{default}` |")), "{row}, the default is {default}");
    }
}
