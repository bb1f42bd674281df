"""The official Python client against the binary.

    pip install openai                      # made with openai 3.57.0
    cargo build --release
    python tests/serve/openai_client.py target/release/thinkling
"""

import asyncio
import struct
import json
import sys
import urllib.request

import openai

from serving import NAME, ROOT, serving

KEY = "s3cret"
QUESTION = [{"role": "user", "content": "Compute 17+25"}]


def refused(kind, call, words):
    """The error that a call is refused with."""
    try:
        call()
    except kind as error:
        assert words in str(error), f"no `{words}`: {error}"
        return error
    raise AssertionError(f"not refused: {words}")


def check_models(client):
    assert [model.id for model in client.models.list()] == [NAME]
    assert client.models.retrieve(NAME).id == NAME
    refused(openai.NotFoundError, lambda: client.models.retrieve("other"), "other")


def check_completions(client):
    asked = dict(model=NAME, prompt="Compute 17+25", max_tokens=24, temperature=0, logprobs=2)
    ids = {"return_token_ids": True}
    whole = client.completions.create(**asked, extra_body=ids)
    choice = whole.choices[0]
    assert whole.object == "text_completion" and whole.model == NAME
    assert choice.finish_reason in ("stop", "length")
    assert len(choice.token_ids) == whole.usage.completion_tokens == len(choice.logprobs.token_logprobs)
    assert len(choice.prompt_token_ids) == whole.usage.prompt_tokens
    by_ids = client.completions.create(**{**asked, "prompt": choice.prompt_token_ids}, extra_body=ids)
    assert by_ids.choices[0].token_ids == choice.token_ids and by_ids.choices[0].text == choice.text
    chunks = list(client.completions.create(
        **asked, extra_body=ids, stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].choices == [] and chunks[-1].usage == whole.usage
    chunks = chunks[:-1]
    assert "".join(chunk.choices[0].text for chunk in chunks) == choice.text
    assert sum((chunk.choices[0].token_ids for chunk in chunks), []) == choice.token_ids
    assert chunks[-1].choices[0].finish_reason == choice.finish_reason
    several = client.completions.create(
        model=NAME, prompt=["Compute 1+1", "Compute 2+2"], n=2, seed=4, max_tokens=8)
    assert [choice.index for choice in several.choices] == [0, 1, 2, 3]
    again = client.completions.create(
        model=NAME, prompt=["Compute 1+1", "Compute 2+2"], n=2, seed=4, max_tokens=8)
    assert [c.text for c in again.choices] == [c.text for c in several.choices]
    stop = choice.text[6:9]
    cut = client.completions.create(**asked, stop=[stop])
    assert cut.choices[0].text == choice.text[: choice.text.index(stop)]
    assert cut.choices[0].finish_reason == "stop"


def check_chats(client):
    asked = dict(model=NAME, messages=QUESTION, temperature=0, max_completion_tokens=80)
    whole = client.chat.completions.create(**asked, logprobs=True, top_logprobs=2)
    choice = whole.choices[0]
    assert choice.message.role == "assistant"
    assert choice.message.reasoning_content and choice.message.content
    assert "<" not in choice.message.reasoning_content + choice.message.content
    assert len(choice.logprobs.content) == whole.usage.completion_tokens
    assert len(choice.logprobs.content[0].top_logprobs) == 2
    reasoning, content = "", ""
    for chunk in client.chat.completions.create(**asked, stream=True):
        delta = chunk.choices[0].delta
        reasoning += getattr(delta, "reasoning_content", None) or ""
        content += delta.content or ""
    assert (reasoning, content) == (choice.message.reasoning_content, choice.message.content)
    with client.chat.completions.stream(**asked) as stream:
        for _ in stream:
            pass
        final = stream.get_final_completion()
    assert final.choices[0].message.content == content
    two = client.chat.completions.create(**{**asked, "temperature": 1, "n": 2, "seed": 1})
    assert len(two.choices) == 2


def check_errors(client, url):
    asked = dict(model=NAME, prompt="1")
    refused(openai.BadRequestError, lambda: client.completions.create(**asked, max_tokens=999), "at most")
    error = refused(openai.BadRequestError,
                    lambda: client.completions.create(model=NAME, prompt=[14] * 300), "too long")
    assert error.code == "context_length_exceeded" and error.param == "prompt"
    refused(openai.NotFoundError, lambda: client.completions.create(model="gpt-4", prompt="1"), "gpt-4")
    other = openai.OpenAI(base_url=url + "/v1", api_key="wrong", max_retries=0)
    refused(openai.AuthenticationError, lambda: other.models.list(), "API key")
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    refused(openai.BadRequestError,
            lambda: client.chat.completions.create(model=NAME, messages=QUESTION, tools=tools), "tools")


async def check_many(url):
    """Sixteen at once give what one alone gives, and one who leaves a stream leaves nothing behind."""
    async with openai.AsyncOpenAI(base_url=url + "/v1", api_key=KEY, max_retries=0) as client:
        def ask(i):
            return client.completions.create(
                model=NAME, prompt=f"Compute {i}+25", max_tokens=30, seed=i)

        together = await asyncio.gather(*(ask(i) for i in range(16)))
        for i, answer in enumerate(together):
            assert (await ask(i)).choices[0].text == answer.choices[0].text
        stream = await client.completions.create(
            model=NAME, prompt="Compute 1+2", max_tokens=200, stream=True,
            extra_body={"ignore_eos": True})
        async for _ in stream:
            break
        await stream.close()


def check_weights(client, url):
    """The weights with their signs turned change the answer; the first ones bring it back."""
    path = ROOT / "recipes" / "mini-world-base" / "model.safetensors"
    first = path.read_bytes()
    start = 8 + struct.unpack("<Q", first[:8])[0]
    # The sign of a little-endian float is the highest bit of its last byte.
    other = bytearray(first)
    for at in range(start + 3, len(other), 4):
        other[at] ^= 0x80

    def send(body):
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/octet-stream"}
        request = urllib.request.Request(url + "/v1/weights", data=bytes(body), headers=headers)
        return json.load(urllib.request.urlopen(request))["weights_version"]

    def ask():
        return client.completions.create(model=NAME, prompt="Compute 17+25", temperature=0).choices[0]

    before = ask()
    assert send(other) == 1
    changed = ask()
    assert changed.text != before.text and changed.weights_version == 1
    assert send(first) == 2
    assert ask().text == before.text


def main():
    with serving(sys.argv[1], "--api-key", KEY, "--allow-updates") as server:
        client = openai.OpenAI(base_url=server.url + "/v1", api_key=KEY, max_retries=0)
        check_models(client)
        check_completions(client)
        check_chats(client)
        check_errors(client, server.url)
        asyncio.run(check_many(server.url))
        check_weights(client, server.url)
    print(f"openai {openai.__version__} (Python): all as expected")


if __name__ == "__main__":
    main()
