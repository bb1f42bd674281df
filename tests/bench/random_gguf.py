"""Writes random Llama models of 164 million parameters as GGUF, all matrices in one type: for speeds.

    python random_gguf.py TOKENIZER.gguf OUT Q4_1 Q4_K Q6_K     # OUT/Q4_1.gguf and so on

The tokenizer is that of the file named first, which has 49,152 tokens (SmolLM2). Hidden size 768, so that
rows are whole blocks of 256. Made with gguf 0.19.0.
"""

import pathlib
import sys

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

HIDDEN, INNER, LAYERS, VOCAB, HEADS, KV_HEADS, HEAD = 768, 2048, 20, 49152, 12, 4, 64
# Halves at the beginning or at the end of a block that give values of some hundredths.
HALVES = {
    Type.Q8_0: (0, [0.0003]),
    Type.Q4_0: (0, [0.005]),
    Type.Q4_1: (0, [0.005, -0.0375]),
    Type.Q5_0: (0, [0.0025]),
    Type.Q5_1: (0, [0.0025, -0.0375]),
    Type.IQ4_NL: (0, [0.0003]),
    Type.Q3_K: (108, [0.0005]),
    Type.Q4_K: (0, [0.0002, 0.0015]),
    Type.Q5_K: (0, [0.0001, 0.0015]),
    Type.Q6_K: (208, [0.00001]),
}


def matrix(ty, rows, columns, random):
    length, size = gguf.GGML_QUANT_SIZES[ty]
    blocks = random.integers(0, 256, (rows * columns // length, size), dtype=np.uint8)
    place, halves = HALVES[ty]
    halves = np.array(halves, np.float16).view(np.uint8)
    blocks[:, place : place + len(halves)] = halves
    return blocks.reshape(rows, -1)


def write(path, ty, tokenizer):
    random = np.random.default_rng(1)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(2048)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    for key, field in tokenizer.fields.items():
        if not key.startswith("tokenizer."):
            continue
        if field.types[0] == gguf.GGUFValueType.ARRAY:
            writer.add_array(key, field.contents())
        else:
            writer.add_key_value(key, field.contents(), field.types[0])

    def add(name, rows, columns):
        writer.add_tensor(f"{name}.weight", matrix(ty, rows, columns, random), raw_dtype=ty)

    def add_norm(name):
        writer.add_tensor(f"{name}.weight", np.ones(HIDDEN, np.float32))

    add("token_embd", VOCAB, HIDDEN)
    add_norm("output_norm")
    for layer in range(LAYERS):
        part = f"blk.{layer}"
        add_norm(f"{part}.attn_norm")
        add_norm(f"{part}.ffn_norm")
        add(f"{part}.attn_q", HEADS * HEAD, HIDDEN)
        add(f"{part}.attn_k", KV_HEADS * HEAD, HIDDEN)
        add(f"{part}.attn_v", KV_HEADS * HEAD, HIDDEN)
        add(f"{part}.attn_output", HIDDEN, HEADS * HEAD)
        add(f"{part}.ffn_gate", INNER, HIDDEN)
        add(f"{part}.ffn_up", INNER, HIDDEN)
        add(f"{part}.ffn_down", HIDDEN, INNER)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    tokenizer, out, *types = sys.argv[1:]
    tokenizer, out = gguf.GGUFReader(tokenizer), pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    for ty in types:
        write(out / f"{ty}.gguf", Type[ty], tokenizer)


main()
