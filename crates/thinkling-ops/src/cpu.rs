//! Loops over host memory, one file an operation; unit-tested against the formulas.

pub(crate) mod attention;
pub(crate) mod head;
pub(crate) mod linear;
pub(crate) mod lora;
pub(crate) mod rms_norm;
pub(crate) mod rotate;
pub(crate) mod swiglu;
