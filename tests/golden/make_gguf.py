"""Writes `gguf`: every quantised type that is read, and a model in parts, by the package `gguf`.

    python make_gguf.py

| file                       | what it holds                                                     |
|----------------------------|-------------------------------------------------------------------|
| types.gguf                 | a tensor TYPE of random blocks for each type, and TYPE.values,    |
|                            | what `gguf.quants.dequantize` makes of them in float32            |
| parts-0000?-of-00003.gguf  | a Qwen3 model of one layer in three files, F16, whose values are  |
|                            | `(sum of the name's bytes + 7 i) mod 101 - 50`                    |

Blocks are random bytes but for their halves, which are finite, with the largest, the least, zeros and
subnormal numbers among them, and the scales of the parts of K blocks, which take every value.

Made with gguf 0.19.0 and numpy 2.4.6.
"""

import pathlib

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

HERE = pathlib.Path(__file__).parent / "gguf"
# Bytes before which, or at which, a block has halves, and its number of blocks.
TYPES = {
    Type.Q8_0: ([0], 32),
    Type.Q4_0: ([0], 32),
    Type.Q4_1: ([0, 2], 32),
    Type.Q5_0: ([0], 32),
    Type.Q5_1: ([0, 2], 32),
    Type.IQ4_NL: ([0], 32),
    Type.Q3_K: ([108], 8),
    Type.Q4_K: ([0, 2], 8),
    Type.Q5_K: ([0, 2], 8),
    Type.Q6_K: ([208], 16),
}
EXTREME = [65504.0, -65504.0, 0.0, -0.0, 2.0**-24, -(2.0**-24), 2.0**-14, 1023 * 2.0**-24, 1.0]


def halves(count, random):
    """Finite halves, the extreme ones among the first."""
    bits = random.integers(0, 1 << 16, 8 * count, dtype=np.uint16).view(np.float16)
    some = bits[np.isfinite(bits)][:count]
    some[: min(count, len(EXTREME))] = EXTREME[:count]
    return random.permutation(some)


def scales_of_q3_k(block):
    packed = np.zeros(12, np.uint8)
    for i in range(16):
        scale = (16 * block + i) % 64
        packed[i % 8] |= (scale & 15) << (i // 8 * 4)
        packed[8 + i % 4] |= (scale >> 4) << (i // 4 * 2)
    return packed


def scales_and_minima(block):
    packed = np.zeros(12, np.uint8)
    for i in range(8):
        scale, minimum = 8 * block + i, (5 * (8 * block + i) + 3) % 64
        if i < 4:
            packed[i] |= scale
            packed[i + 4] |= minimum
        else:
            packed[i + 4] = (scale & 15) | (minimum & 15) << 4
            packed[i - 4] |= (scale >> 4) << 6
            packed[i] |= (minimum >> 4) << 6
    return packed


def blocks_of(ty, random):
    places, count = TYPES[ty]
    _, size = gguf.GGML_QUANT_SIZES[ty]
    blocks = random.integers(0, 256, (count, size), dtype=np.uint8)
    for place in places:
        blocks[:, place : place + 2] = halves(count, random).reshape(-1, 1).view(np.uint8)
    for number, block in enumerate(blocks):
        match ty:
            case Type.Q3_K:
                block[96:108] = scales_of_q3_k(number)
            case Type.Q4_K | Type.Q5_K:
                block[4:16] = scales_and_minima(number)
            case Type.Q6_K:
                block[192:208] = np.arange(16 * number, 16 * number + 16, dtype=np.uint8)
    return blocks


def write(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_types():
    random = np.random.default_rng(8)
    writer = gguf.GGUFWriter(HERE / "types.gguf", "none")
    for ty in TYPES:
        blocks = blocks_of(ty, random)
        values = gguf.quants.dequantize(blocks, ty)
        assert np.isfinite(values).all(), ty.name
        writer.add_tensor(ty.name, blocks, raw_dtype=ty)
        writer.add_tensor(f"{ty.name}.values", values)
    write(writer)


def write_parts():
    vocab, hidden, inner, head = 8, 32, 64, 8
    writer = gguf.GGUFWriter(HERE / "parts.gguf", "qwen3", split_max_tensors=5)
    writer.add_context_length(64)
    writer.add_embedding_length(hidden)
    writer.add_block_count(1)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10000.0)
    writer.add_token_list([f"t{i}" for i in range(vocab)])
    layer = {
        "attn_norm": [hidden],
        "attn_q": [4 * head, hidden],
        "attn_k": [2 * head, hidden],
        "attn_v": [2 * head, hidden],
        "attn_q_norm": [head],
        "attn_k_norm": [head],
        "attn_output": [hidden, 4 * head],
        "ffn_norm": [hidden],
        "ffn_gate": [inner, hidden],
        "ffn_up": [inner, hidden],
        "ffn_down": [hidden, inner],
    }
    tensors = {"token_embd": [vocab, hidden]}
    tensors |= {f"blk.0.{name}": shape for name, shape in layer.items()}
    # The head stands in the last part.
    tensors |= {"output_norm": [hidden], "output": [vocab, hidden]}
    for name, shape in tensors.items():
        name = f"{name}.weight"
        values = (sum(name.encode()) + 7 * np.arange(np.prod(shape))) % 101 - 50
        writer.add_tensor(name, values.astype(np.float16).reshape(shape))
    write(writer)


def main():
    HERE.mkdir(exist_ok=True)
    for old in HERE.glob("*.gguf"):
        old.unlink()
    write_types()
    write_parts()


main()
