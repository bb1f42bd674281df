//! The tensors that a config asks for.

use crate::ModelConfig;

/// Hugging Face names and row-major shapes of every tensor that a model of this config has, in
/// the order of the forward pass. A tied head is not listed; a reward model has only its own.
///
/// The config should be valid ([`ModelConfig::validate`]); the list is as long as its layers ask.
pub fn expected_tensors(config: &ModelConfig) -> Vec<(String, Vec<usize>)> {
    let (hidden, inner) = (config.hidden_size, config.intermediate_size);
    let (q, kv) = (config.q_size(), config.kv_size());
    let mut list = vec![("model.embed_tokens.weight".to_owned(), vec![config.vocab_size, hidden])];
    for layer in 0..config.num_hidden_layers {
        let mut add = |name: &str, shape: Vec<usize>| {
            list.push((format!("model.layers.{layer}.{name}"), shape));
        };
        add("input_layernorm.weight", vec![hidden]);
        for (name, size) in [("q_proj", q), ("k_proj", kv), ("v_proj", kv)] {
            add(&format!("self_attn.{name}.weight"), vec![size, hidden]);
            if config.attention_bias {
                add(&format!("self_attn.{name}.bias"), vec![size]);
            }
        }
        if config.has_qk_norm() {
            add("self_attn.q_norm.weight", vec![config.head_dim]);
            add("self_attn.k_norm.weight", vec![config.head_dim]);
        }
        add("self_attn.o_proj.weight", vec![hidden, q]);
        add("post_attention_layernorm.weight", vec![hidden]);
        add("mlp.gate_proj.weight", vec![inner, hidden]);
        add("mlp.up_proj.weight", vec![inner, hidden]);
        add("mlp.down_proj.weight", vec![hidden, inner]);
    }
    list.push(("model.norm.weight".to_owned(), vec![hidden]));
    if config.score {
        list.push((super::SCORE.to_owned(), vec![1, hidden]));
    } else if !config.tie_word_embeddings {
        list.push((super::HEAD.to_owned(), vec![config.vocab_size, hidden]));
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Architecture;
    use crate::config::tiny;

    fn names_of(config: &ModelConfig) -> Vec<String> {
        expected_tensors(config).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn families_list_their_own_tensors() {
        let mut llama = tiny(Architecture::Llama);
        // Embedding, norm, head, and nine a layer.
        assert_eq!(names_of(&llama).len(), 3 + 2 * 9);
        llama.tie_word_embeddings = true;
        assert!(!names_of(&llama).contains(&"lm_head.weight".to_owned()));
        for tied in [true, false] {
            let scored = ModelConfig { score: true, tie_word_embeddings: tied, ..llama.clone() };
            assert_eq!(expected_tensors(&scored).pop(), Some(("score.weight".into(), vec![1, 32])));
            assert!(!names_of(&scored).contains(&"lm_head.weight".to_owned()));
        }
        let qwen2 = names_of(&tiny(Architecture::Qwen2));
        assert_eq!(qwen2.len(), 3 + 2 * 12);
        assert!(qwen2.contains(&"model.layers.1.self_attn.v_proj.bias".to_owned()));
        let qwen3 = names_of(&tiny(Architecture::Qwen3));
        assert_eq!(qwen3.len(), 3 + 2 * 11);
        assert!(qwen3.contains(&"model.layers.0.self_attn.k_norm.weight".to_owned()));
    }

    #[test]
    fn grouped_heads_have_narrower_keys() {
        let list = expected_tensors(&tiny(Architecture::Llama));
        let shape = |name: &str| list.iter().find(|(it, _)| it == name).map(|(_, shape)| shape);
        assert_eq!(shape("model.layers.0.self_attn.q_proj.weight"), Some(&vec![32, 32]));
        assert_eq!(shape("model.layers.0.self_attn.k_proj.weight"), Some(&vec![16, 32]));
        assert_eq!(shape("model.layers.0.mlp.down_proj.weight"), Some(&vec![32, 64]));
    }
}
