//! The API key.

use crate::error::ApiError;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The digest of a key, so that neither its bytes nor its length show in how long a comparison takes.
#[derive(Clone)]
pub(crate) struct ApiKey([u8; 32]);

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

impl ApiKey {
    pub(crate) fn new(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    /// Whether a request brings the key.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let value = headers.get(AUTHORIZATION).map(|value| value.as_bytes());
        let given = value.and_then(|value| {
            let (scheme, key) = value.split_at_checked("Bearer ".len())?;
            scheme.eq_ignore_ascii_case(b"Bearer ").then_some(key)
        });
        let digest = Sha256::digest(given.unwrap_or_default());
        match given.is_some() && bool::from(digest.as_slice().ct_eq(&self.0)) {
            true => Ok(()),
            false => Err(ApiError::unauthorized()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_key_behind_its_scheme_opens() {
        let key = ApiKey::new("s3cret");
        let check = |value: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert(AUTHORIZATION, value.parse().expect("a header"));
            }
            key.check(&headers).is_ok()
        };
        assert!(check(Some("Bearer s3cret")) && check(Some("bearer s3cret")));
        for wrong in
            ["Bearer s3cre", "Bearer s3crets", "Bearer ", "s3cret", "Basic s3cret", "Bearer"]
        {
            assert!(!check(Some(wrong)), "{wrong}");
        }
        assert!(!check(None));
    }
}
