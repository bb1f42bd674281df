"""Asks PyPI's `transformers serve` through a proxy with faults, by a recipe's teacher over HTTP.

    pip install 'transformers[serving]' torch        # made with transformers 5.23.0
    cargo build --release -p thinkling-cli
    python tests/teacher/check_serve.py target/release/thinkling

The server gets the mini world's base with a chat template that is R1-Zero's prompt. A Qwen2-shaped
student with another tokenizer learns what it answers. The run must get through the faults, and what
the run folder has must be what the server said.
"""

import collections
import http.server
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROMPT = (
    "A conversation between User and Assistant. The user asks a question, and the Assistant solves it. "
    "The assistant first thinks about the reasoning process in the mind and then provides the user with "
    "the answer. The reasoning process and answer are enclosed within <think> </think> and <answer> "
    "</answer> tags, respectively, i.e., <think> reasoning process here </think> <answer> answer here "
    "</answer>. User: {{ messages[-1]['content'] }}. Assistant:"
)
RECIPE = """
name = "serve"
seed = 3

[model]
architecture = "qwen2"
tokenizer = "bytes"
hidden_size = 32
num_hidden_layers = 1
num_attention_heads = 4
intermediate_size = 64

[[stage]]
name = "student"
kind = "distill"
teacher = {{ kind = "http", url = "{url}", model = "{model}", backoff_seconds = 0.2, timeout_seconds = 60 }}
data = {{ kind = "mini-world" }}
accuracy = {{ template = "r1-zero" }}
problems = {problems}
samples = {samples}
max_completion_tokens = 64
keep_per_prompt = 4
template = "r1-zero"
steps = 4
batch = 2
max_tokens = 256
"""
PROBLEMS, SAMPLES = 10, 4


def wait_for(server, url):
    for _ in range(240):
        if server.poll() is not None:
            sys.exit(f"the server ended with {server.returncode}")
        try:
            return urllib.request.urlopen(url, timeout=5).read()
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    sys.exit("the server did not start")


class Proxy(http.server.BaseHTTPRequestHandler):
    """Passes requests on; every fourth one meets a fault."""

    upstream = ""
    count = 0
    faults = collections.Counter()
    said = []
    lock = threading.Lock()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        with Proxy.lock:
            number, Proxy.count = Proxy.count, Proxy.count + 1
        fault = ["500", "429", "garbage", "cut"][number // 4 % 4] if number % 4 == 3 else "none"
        Proxy.faults[fault] += 1
        if fault in ("500", "429"):
            self.send_response(int(fault))
            self.send_header("retry-after", "1")
            self.end_headers()
            return
        if fault == "garbage":
            answer = b"<html>loading</html>"
        else:
            request = urllib.request.Request(
                Proxy.upstream + self.path, body, {"content-type": "application/json"}
            )
            answer = urllib.request.urlopen(request).read()
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        if fault == "none":
            Proxy.said.append(json.loads(answer)["choices"][0]["message"]["content"])
        self.wfile.write(answer[: len(answer) // 2] if fault == "cut" else answer)

    def log_message(self, *_):
        pass


def main(thinkling):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model = folder / "base"
        shutil.copytree(ROOT / "recipes/mini-world-base", model)
        config = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "eos_token": "<eos>",
            "pad_token": "<pad>",
            "chat_template": PROMPT,
        }
        (model / "tokenizer_config.json").write_text(json.dumps(config))
        # It takes the likeliest tokens otherwise, whatever temperature a request has.
        generation = model / "generation_config.json"
        drawn = json.loads(generation.read_text()) | {"do_sample": True}
        generation.write_text(json.dumps(drawn))
        port = 8642
        command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(model)]
        options = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
        log = open(folder / "serve.log", "w")
        server = subprocess.Popen(command + options, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_for(server, f"http://127.0.0.1:{port}/health")
            Proxy.upstream = f"http://127.0.0.1:{port}"
            proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
            threading.Thread(target=proxy.serve_forever, daemon=True).start()
            url = f"http://127.0.0.1:{proxy.server_port}/v1"
            recipe = folder / "serve.toml"
            recipe.write_text(
                RECIPE.format(url=url, model=model, problems=PROBLEMS, samples=SAMPLES)
            )
            run = folder / "run"
            call = [thinkling, "train", recipe, "--out", run, "--device", "cpu", "--threads", "2"]
            subprocess.run(call, check=True)
            lines = (run / "student-set.answers.jsonl").read_text().splitlines()
            answers = [json.loads(line) for line in lines]
            counts = json.loads((run / "student-set-counts.json").read_text())
            assert len(answers) == PROBLEMS * SAMPLES == counts["asked"], counts
            assert sorted(a["text"] for a in answers) == sorted(Proxy.said)
            assert all(a["tokens"] > 0 for a in answers)
            print("faults:", dict(Proxy.faults))
            print("right:", counts["correct"], "of", counts["asked"], "kept:", counts["kept"])
            print("an answer:", answers[0]["text"])
        except BaseException:
            print((folder / "serve.log").read_text()[-3000:], file=sys.stderr)
            raise
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main(str(pathlib.Path(sys.argv[1]).resolve()))
