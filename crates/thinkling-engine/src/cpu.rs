//! CPU twins of the shaders, one a file, over the same buffers.

pub(crate) mod attention;
pub(crate) mod attention_combine;
pub(crate) mod embed;
pub(crate) mod matmul;
pub(crate) mod reward_counts;
pub(crate) mod rms_norm;
pub(crate) mod rope_kv;
