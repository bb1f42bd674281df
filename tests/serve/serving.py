"""Starts `thinkling serve` on the mini world's base, for the scripts beside this one."""

import contextlib
import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAME = "owner/mini"
# R1-Zero's prompt as a chat template, which opens the thinking as those of distillations do.
TEMPLATE = (
    "A conversation between User and Assistant. The user asks a question, and the Assistant solves it. "
    "The assistant first thinks about the reasoning process in the mind and then provides the user with "
    "the answer. The reasoning process and answer are enclosed within <think> </think> and <answer> "
    "</answer> tags, respectively, i.e., <think> reasoning process here </think> <answer> answer here "
    "</answer>. User: {{ messages[-1]['content'] }}. Assistant:<think>"
)


class Serving:
    """A server that runs: its process, its address and what it wrote to stderr."""

    def __init__(self, process):
        self.process = process
        self.log = []
        self.url = None
        for line in process.stderr:
            self.log.append(line)
            if found := re.search(r"on (http://\S+)/v1", line):
                self.url = found.group(1)
                break
        if self.url is None:
            raise SystemExit("the server did not start:\n" + "".join(self.log))
        threading.Thread(target=lambda: self.log.extend(process.stderr), daemon=True).start()

    def rss_mb(self):
        """Resident memory in megabytes (Linux)."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024


def model_folder(into):
    """A copy of the committed model, with a chat template."""
    folder = pathlib.Path(into) / "mini"
    shutil.copytree(ROOT / "recipes" / "mini-world-base", folder)
    config = {"chat_template": TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


@contextlib.contextmanager
def serving(binary, *args):
    """A server on a free port, which must end well when it is told to."""
    with tempfile.TemporaryDirectory() as into:
        command = [binary, "serve", "--model", str(model_folder(into)), "--name", NAME]
        command += ["--port", "0", "--device", "cpu", *args]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            server = Serving(process)
            yield server
            process.terminate()
            code = process.wait(60)
            if code != 0:
                raise SystemExit(f"exit status {code}:\n" + "".join(server.log))
        finally:
            process.kill()
            process.wait()
