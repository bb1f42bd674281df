//! Tensor names of GGUF and of Hugging Face.

/// Names outside the layers: (GGUF, Hugging Face).
const OUTER: [(&str, &str); 3] = [
    ("token_embd.weight", "model.embed_tokens.weight"),
    ("output_norm.weight", "model.norm.weight"),
    ("output.weight", "lm_head.weight"),
];

/// Modules inside a layer: (GGUF, Hugging Face), to be followed by `.weight` or `.bias`.
const INNER: [(&str, &str); 11] = [
    ("attn_norm", "input_layernorm"),
    ("attn_q", "self_attn.q_proj"),
    ("attn_k", "self_attn.k_proj"),
    ("attn_v", "self_attn.v_proj"),
    ("attn_output", "self_attn.o_proj"),
    ("attn_q_norm", "self_attn.q_norm"),
    ("attn_k_norm", "self_attn.k_norm"),
    ("ffn_norm", "post_attention_layernorm"),
    ("ffn_gate", "mlp.gate_proj"),
    ("ffn_up", "mlp.up_proj"),
    ("ffn_down", "mlp.down_proj"),
];

/// The Hugging Face name of a GGUF tensor, or none where the decoder has no such tensor
/// (`rope_freqs.weight` belongs to the config).
pub fn gguf_to_hf(name: &str) -> Option<String> {
    if let Some((_, hf)) = OUTER.iter().find(|(gguf, _)| *gguf == name) {
        return Some((*hf).to_owned());
    }
    let (layer, module, kind) = split_layer(name.strip_prefix("blk.")?)?;
    let (_, hf) = INNER.iter().find(|(gguf, _)| *gguf == module)?;
    Some(format!("model.layers.{layer}.{hf}.{kind}"))
}

/// The GGUF name of a Hugging Face tensor; the inverse of [`gguf_to_hf`].
pub fn hf_to_gguf(name: &str) -> Option<String> {
    if let Some((gguf, _)) = OUTER.iter().find(|(_, hf)| *hf == name) {
        return Some((*gguf).to_owned());
    }
    let (layer, module, kind) = split_layer(name.strip_prefix("model.layers.")?)?;
    let (gguf, _) = INNER.iter().find(|(_, hf)| *hf == module)?;
    Some(format!("blk.{layer}.{gguf}.{kind}"))
}

/// Splits `N.module.kind`. Only the canonical spelling of N passes, so that two names never map
/// to one.
fn split_layer(rest: &str) -> Option<(usize, &str, &str)> {
    let (number, rest) = rest.split_once('.')?;
    let (module, kind) = rest.rsplit_once('.')?;
    let layer: usize = number.parse().ok()?;
    (layer.to_string() == number && matches!(kind, "weight" | "bias"))
        .then_some((layer, module, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_map_both_ways() {
        let pairs = [
            ("token_embd.weight", "model.embed_tokens.weight"),
            ("output.weight", "lm_head.weight"),
            ("output_norm.weight", "model.norm.weight"),
            ("blk.0.attn_q.weight", "model.layers.0.self_attn.q_proj.weight"),
            ("blk.12.attn_k.bias", "model.layers.12.self_attn.k_proj.bias"),
            ("blk.3.attn_q_norm.weight", "model.layers.3.self_attn.q_norm.weight"),
            ("blk.29.ffn_norm.weight", "model.layers.29.post_attention_layernorm.weight"),
            ("blk.1.ffn_down.weight", "model.layers.1.mlp.down_proj.weight"),
        ];
        for (gguf, hf) in pairs {
            assert_eq!(gguf_to_hf(gguf).as_deref(), Some(hf));
            assert_eq!(hf_to_gguf(hf).as_deref(), Some(gguf));
        }
    }

    #[test]
    fn strangers_and_odd_spellings_have_no_name() {
        for name in [
            "",
            "rope_freqs.weight",
            "blk.",
            "blk.0",
            "blk.00.attn_q.weight",
            "blk.+1.attn_q.weight",
            "blk.-1.attn_q.weight",
            "blk.99999999999999999999.attn_q.weight",
            "blk.0.attn_q.scale",
            "blk.0.ffn_gate_exps.weight",
        ] {
            assert_eq!(gguf_to_hf(name), None, "{name}");
        }
        assert_eq!(hf_to_gguf("model.layers.0.self_attn.rotary_emb.inv_freq"), None);
    }
}
