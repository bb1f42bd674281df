//! Requests to a server as a recipe says: its key, its times, and which faults pass.

use crate::error::Result;
use crate::http::{Response, Secret, post};
use crate::recipe::RequestKeys;
use crate::retry::Fault;
use std::time::SystemTime;

/// Asks servers.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) keys: RequestKeys,
    /// The header `Authorization`; in no message.
    authorization: Option<Secret>,
}

impl Client {
    /// Prepares requests; nothing is sent yet.
    ///
    /// # Errors
    /// An environment variable that is not set, or whose value no header can hold.
    pub(crate) fn open(keys: &RequestKeys) -> Result<Self> {
        let authorization = keys.api_key_env.as_deref().map(Secret::bearer_of).transpose()?;
        Ok(Self { keys: keys.clone(), authorization })
    }

    /// One try; `kind` is the type of the body. A response that is no success is a fault.
    pub(crate) fn post(
        &self,
        url: &str,
        kind: &str,
        body: &[u8],
    ) -> std::result::Result<Response, Fault> {
        let response = self.send(url, kind, body)?;
        match response.status.is_success() {
            true => Ok(response),
            false => Err(Fault::of(&response, SystemTime::now())),
        }
    }

    /// One try; gives the response whatever its status.
    pub(crate) fn send(
        &self,
        url: &str,
        kind: &str,
        body: &[u8],
    ) -> std::result::Result<Response, Fault> {
        let mut headers = vec![("content-type", kind), ("accept", "application/json")];
        headers.extend(self.authorization.as_ref().map(|key| ("authorization", key.0.as_str())));
        post(url, &headers, body, self.keys.timeout()).map_err(Fault::passing)
    }
}
