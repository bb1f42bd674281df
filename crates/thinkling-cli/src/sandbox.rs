//! What runs the programs of code rewards, where this binary was built with it.

use crate::failure::Failure;
use thinkling_reward::code::RunCode;

/// The sandbox of the feature `sandbox`; without the feature there is none.
#[derive(Default)]
pub(crate) struct Runner {
    #[cfg(feature = "sandbox")]
    sandbox: Option<thinkling_sandbox::Sandbox>,
}

impl Runner {
    /// The sandbox on the interpreter that `THINKLING_WASI_PYTHON` names; none where it names
    /// nothing.
    #[cfg(feature = "sandbox")]
    pub(crate) fn open() -> Result<Self, Failure> {
        use thinkling_sandbox::{INTERPRETER_VARIABLE, Limits, Sandbox, default_cache};

        let Some(path) = std::env::var_os(INTERPRETER_VARIABLE) else {
            return Ok(Self::default());
        };
        let cache = default_cache();
        let sandbox = Sandbox::open(path.as_ref(), cache.as_deref(), Limits::DEFAULT)
            .map_err(|e| Failure::usage(format!("the sandbox cannot be opened: {e}")))?;
        Ok(Self { sandbox: Some(sandbox) })
    }

    /// None: this binary was built without the feature `sandbox`.
    #[cfg(not(feature = "sandbox"))]
    #[expect(clippy::unnecessary_wraps, reason = "with the feature it can fail")]
    pub(crate) fn open() -> Result<Self, Failure> {
        Ok(Self::default())
    }

    /// What runs programs, where there is one.
    pub(crate) fn get(&self) -> Option<&(dyn RunCode + Sync)> {
        #[cfg(feature = "sandbox")]
        return self.sandbox.as_ref().map(|sandbox| sandbox as &(dyn RunCode + Sync));
        #[cfg(not(feature = "sandbox"))]
        None
    }

    /// What runs programs, or how to get it.
    pub(crate) fn required(&self) -> Result<&(dyn RunCode + Sync), Failure> {
        #[cfg(feature = "sandbox")]
        let how =
            format!("no Python interpreter to run programs; {}", thinkling_sandbox::HOW_TO_GET_IT);
        #[cfg(not(feature = "sandbox"))]
        let how = "this program was built without the sandbox that runs programs; build it with\n  \
                   cargo build --release -p thinkling-cli --features sandbox";
        self.get().ok_or_else(|| Failure::usage(how))
    }
}
