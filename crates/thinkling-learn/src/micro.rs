//! How a step's sequences are cut into micro-batches: by count, and on the CPU by memory.

use thinkling_model::{Decoder, ModelConfig, Recompute, is_host};

/// Bytes of activations of a micro-batch on the CPU for small models: little enough that much of
/// it stays in the last cache between the forward and the backward pass.
const SMALL: usize = 96 << 20;

/// Fewer tokens than this are not worth a pass over the weights.
pub const MIN_TOKENS: usize = 256;

/// Bytes that a token's forward pass keeps for the backward pass, in f32: the inputs of each
/// operation, or of each layer and those of the operations of one.
pub fn activation_bytes(config: &ModelConfig, recompute: Recompute) -> usize {
    let qkv = config.q_size() + 2 * config.kv_size();
    let layer = 4 * config.hidden_size + 2 * qkv + config.q_size() + 3 * config.intermediate_size;
    let layers = match recompute {
        Recompute::None => config.num_hidden_layers * layer,
        Recompute::Layer => config.num_hidden_layers * config.hidden_size + layer,
    };
    4 * (layers + 3 * config.hidden_size)
}

/// Tokens of a micro-batch of a model with so many `trained` values, whose activations may take
/// `bytes`; without a number, what is good on the device, which may be the CPU (`on_host`).
pub fn micro_batch_tokens(
    config: &ModelConfig,
    trained: usize,
    on_host: bool,
    bytes: Option<usize>,
    recompute: Recompute,
) -> usize {
    let bytes = match bytes {
        Some(bytes) => bytes,
        None if !on_host => return usize::MAX,
        // Each further micro-batch takes a second set of gradients and a pass over them.
        None => SMALL.max(2 * 4 * trained),
    };
    (bytes / activation_bytes(config, recompute)).max(MIN_TOKENS)
}

/// [`micro_batch_tokens`] of `model`.
pub(crate) fn most_tokens(model: &Decoder, bytes: Option<usize>, recompute: Recompute) -> usize {
    let (trained, on_host) = (model.trained_count(), is_host(&model.device()));
    micro_batch_tokens(model.config(), trained, on_host, bytes, recompute)
}

/// Sequences of the largest micro-batch, and micro-batches, of `count` sequences of `len` tokens.
pub fn micro_batches(
    count: usize,
    len: usize,
    most_items: usize,
    most_tokens: usize,
) -> (usize, usize) {
    let items = vec![len; count];
    let parts = parts(&items, most_items, most_tokens, |len| *len);
    (parts.iter().map(|part| part.len()).max().unwrap_or(0), parts.len())
}

/// Cuts `items` into runs of at most `most_items` and about `most_tokens` tokens, of like size.
pub(crate) fn parts<T>(
    items: &[T],
    most_items: usize,
    most_tokens: usize,
    tokens: impl Fn(&T) -> usize,
) -> Vec<&[T]> {
    let total: usize = items.iter().map(&tokens).sum();
    let target = total.div_ceil(total.div_ceil(most_tokens.max(1)).max(1));
    let mut parts = Vec::new();
    let (mut start, mut sum) = (0, 0);
    for (i, item) in items.iter().enumerate() {
        let len = tokens(item);
        // Where the last item passes the target, it stays if most of it is below.
        if i > start && (i - start >= most_items.max(1) || sum + len / 2 > target) {
            parts.push(&items[start..i]);
            (start, sum) = (i, 0);
        }
        sum += len;
    }
    parts.extend((start < items.len()).then(|| &items[start..]));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(lens: &[usize], items: usize, tokens: usize) -> Vec<Vec<usize>> {
        parts(lens, items, tokens, |len| *len).into_iter().map(<[usize]>::to_vec).collect()
    }

    #[test]
    fn the_largest_micro_batch_is_that_of_a_step() {
        assert_eq!(micro_batches(32, 128, usize::MAX, 1_300), (8, 4));
        assert_eq!(micro_batches(3, 5, 2, usize::MAX), (2, 2));
        assert_eq!(micro_batches(0, 5, 2, 9), (0, 0));
    }

    #[test]
    fn parts_are_of_like_size_and_lose_nothing() {
        assert_eq!(sizes(&[128; 32], usize::MAX, 1_300).iter().map(Vec::len).max(), Some(8));
        assert_eq!(sizes(&[128; 32], usize::MAX, 1_300).concat().len(), 32);
        assert_eq!(sizes(&[5, 5, 5], 2, usize::MAX), [vec![5, 5], vec![5]]);
        assert_eq!(sizes(&[9, 9], usize::MAX, 1), [vec![9], vec![9]]);
        assert!(sizes(&[], 1, 1).is_empty());
    }
}
