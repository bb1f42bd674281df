"""Writes the Parquet files of `data`: conversations, prompts and completions, questions and answers.

    python make_parquet.py

Made with pyarrow 26.0.1.
"""

import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

HERE = pathlib.Path(__file__).parent / "data"


def answer(thought, number):
    return f"<think> {thought} </think> <answer> {number} </answer>"


PAIRS = [
    ("What is 2 + 3?", answer("2 + 3 = 5", 5)),
    ("What is 7 - 4?", answer("7 - 4 = 3", 3)),
    ("What is 6 + 1?", answer("6 + 1 = 7", 7)),
]


def main():
    HERE.mkdir(exist_ok=True)
    turn = pa.struct([("role", pa.string()), ("content", pa.string())])
    conversations = [
        [{"role": "user", "content": q}, {"role": "assistant", "content": a}] for q, a in PAIRS
    ]
    messages = pa.table(
        {
            "messages": pa.array(conversations, pa.list_(turn)),
            "source": pa.array(["made", "made", None]),
        }
    )
    for codec in ["snappy", "gzip", "zstd"]:
        pq.write_table(messages, HERE / f"messages.{codec}.parquet", compression=codec)
    questions, answers = [q for q, _ in PAIRS], [a for _, a in PAIRS]
    # Several row groups, and texts with 64-bit offsets, as pandas writes them.
    text = pa.large_string()
    pairs = pa.table({"prompt": pa.array(questions, text), "completion": pa.array(answers, text)})
    pq.write_table(pairs, HERE / "pairs.parquet", row_group_size=2)
    problems = pa.table(
        {
            "question": questions + [None],
            "answer": pa.array([5, 3, 7, 1], pa.int64()),
            "level": ["1", "1", "2", "2"],
        }
    )
    # The last row has no question.
    pq.write_table(problems, HERE / "problems.parquet", row_group_size=2)


main()
