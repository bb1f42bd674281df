"""Many clients at once, some of them bad, for as long as one likes: is the server still well after it?

    cargo build --release
    python tests/serve/load.py target/release/thinkling --minutes 10

64 clients ask without a pause: whole answers, streams, streams read slowly, connections that are cut in the middle,
prompts of ids with several samples, garbage. Greedy answers are compared with those of an idle server. Prints latencies,
memory at start and end, and what is still taken when all clients have left; fails where something is. Needs Python's
standard library alone, and Linux for the memory.
"""

import argparse
import collections
import http.client
import json
import random
import re
import socket
import threading
import time
import urllib.parse

from serving import NAME, serving

QUESTIONS = [f"Compute {a}+{b}" for a in range(10, 18) for b in (7, 25)]
GARBAGE = [b"", b"{", b"[]", b"\xff\xfe", b'{"prompt": 5}', b'{"prompt": "1", "n": 1e9}', b"[" * 5000,
           b'{"messages": [{}]}', b'{"prompt": [' + b"14," * 400 + b"14]}"]
# What a client does, and how often.
KINDS = {"whole": 5, "stream": 5, "samples": 2, "slow": 2, "cut": 3, "garbage": 2}


class Load:
    def __init__(self, url, until):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port = parts.hostname, parts.port
        self.until = until
        self.lock = threading.Lock()
        self.seconds = collections.defaultdict(list)
        self.counts = collections.Counter()
        self.wrong = []
        self.expected = {}

    def connect(self):
        return http.client.HTTPConnection(self.host, self.port, timeout=120)

    def ask(self, connection, body, path="/v1/completions"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request("POST", path, data, {"Content-Type": "application/json"})
        return connection.getresponse()

    def request(self, question, **more):
        return {"model": NAME, "prompt": question, "max_tokens": 60, "temperature": 0, **more}

    def learn(self):
        """What an idle server answers."""
        for question in QUESTIONS:
            connection = self.connect()
            answer = json.load(self.ask(connection, self.request(question)))
            self.expected[question] = answer["choices"][0]["text"]
            connection.close()

    def compare(self, question, text):
        if text != self.expected[question]:
            with self.lock:
                self.wrong.append((question, text))

    def whole(self, rng, connection):
        question = rng.choice(QUESTIONS)
        response = self.ask(connection, self.request(question))
        body = response.read()
        if response.status == 200:
            self.compare(question, json.loads(body)["choices"][0]["text"])
        return response.status

    def read_stream(self, rng, connection, pause):
        question = rng.choice(QUESTIONS)
        response = self.ask(connection, self.request(question, stream=True))
        if response.status != 200:
            response.read()
            return response.status
        text = ""
        while line := response.readline():
            if line.startswith(b"data: {"):
                text += json.loads(line[6:])["choices"][0]["text"]
            if line.startswith(b"data: [DONE]"):
                response.read()
                self.compare(question, text)
            elif pause:
                time.sleep(pause)
        return 200

    def stream(self, rng, connection):
        return self.read_stream(rng, connection, 0)

    def slow(self, rng, connection):
        return self.read_stream(rng, connection, rng.uniform(0.01, 0.05))

    def samples(self, rng, connection):
        prompts = [[rng.randrange(9, 137) for _ in range(rng.randrange(1, 100))] for _ in range(2)]
        body = self.request(prompts, n=4, temperature=1.2, logprobs=3, return_token_ids=True)
        response = self.ask(connection, body)
        answer = json.loads(response.read())
        if response.status == 200:
            assert len(answer["choices"]) == 8
        return response.status

    def cut(self, rng, connection):
        body = json.dumps(self.request(rng.choice(QUESTIONS), stream=True, max_tokens=150, ignore_eos=True,
                                       n=rng.randrange(1, 4))).encode()
        head = (f"POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
                f"content-length: {len(body)}\r\n\r\n").encode()
        raw = socket.create_connection((self.host, self.port), 60)
        try:
            whole = head + body
            raw.sendall(whole[: rng.choice([len(whole), len(whole), rng.randrange(len(whole))])])
            raw.settimeout(rng.uniform(0, 0.3))
            raw.recv(rng.randrange(1, 400))
        except (TimeoutError, OSError):
            pass
        finally:
            raw.close()
        return "cut"

    def garbage(self, rng, connection):
        path = rng.choice(["/v1/completions", "/v1/chat/completions", "/v1/nothing", "/v1/weights"])
        response = self.ask(connection, rng.choice(GARBAGE), path)
        body = response.read()
        assert 400 <= response.status < 500, (response.status, body)
        assert response.status == 429 or "message" in json.loads(body)["error"]
        return response.status

    def client(self, seed):
        rng = random.Random(seed)
        kinds, weights = zip(*KINDS.items())
        connection = self.connect()
        while time.monotonic() < self.until:
            kind = rng.choices(kinds, weights)[0]
            start = time.monotonic()
            try:
                status = getattr(self, kind)(rng, connection)
            except (http.client.HTTPException, OSError, AssertionError, ValueError) as error:
                status = f"failed: {type(error).__name__}: {error}"
                connection.close()
                connection = self.connect()
            seconds = time.monotonic() - start
            with self.lock:
                self.counts[kind, status] += 1
                if status == 200:
                    self.seconds[kind].append(seconds)
            if status == 429:
                time.sleep(rng.uniform(0.05, 0.2))
        connection.close()

    def metrics(self):
        connection = self.connect()
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        lines = re.findall(r"^thinkling_(\w+) (\S+)$", text, re.M)
        return {name: float(value) for name, value in lines}


def percentile(values, share):
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]


def settled(load):
    """What is still taken when all clients have left; it may take a step or a time-out."""
    names = ["rows_running", "requests_waiting", "requests_in_flight", "cache_tokens_taken"]
    deadline = time.monotonic() + 30
    while True:
        numbers = load.metrics()
        stuck = {name: numbers[name] for name in names if numbers[name] != 0}
        if not stuck or time.monotonic() > deadline:
            return stuck, numbers
        time.sleep(0.2)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--clients", type=int, default=64)
    args = parser.parse_args()
    limits = ["--rows", "16", "--queue", "40", "--stall-timeout", "10", "--cache-tokens", "6000"]
    with serving(args.binary, *limits) as server:
        load = Load(server.url, time.monotonic() + 60 * args.minutes)
        load.learn()
        rss = [server.rss_mb()]
        threads = [threading.Thread(target=load.client, args=(seed,)) for seed in range(args.clients)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            time.sleep(5)
            rss.append(server.rss_mb())
        for thread in threads:
            thread.join()
        stuck, numbers = settled(load)
        rss.append(server.rss_mb())
        load.learn()
    print(f"{args.clients} clients, {args.minutes:g} minutes, on {args.binary}")
    print(f"{'kind':<10}{'answered':>10}{'p50 ms':>10}{'p90 ms':>10}{'p99 ms':>10}{'max ms':>10}")
    for kind in KINDS:
        if values := load.seconds[kind]:
            shares = [percentile(values, share) * 1000 for share in (0.5, 0.9, 0.99, 1)]
            print(f"{kind:<10}{len(values):>10}" + "".join(f"{ms:>10.0f}" for ms in shares))
    print("others:", ", ".join(
        f"{kind} {status}: {count}" for (kind, status), count in sorted(load.counts.items(), key=str)
        if status != 200))
    print(f"tokens: {numbers['completion_tokens_total']:.0f} drawn in {numbers['steps_total']:.0f} steps, "
          f"{numbers['completions_abandoned_total']:.0f} completions abandoned")
    quarter = rss[len(rss) // 4]
    print(f"resident memory, MB: {rss[0]:.1f} at the start, {quarter:.1f} after a quarter, "
          f"{rss[-1]:.1f} at the end, {max(rss):.1f} at most")
    print("stuck:", stuck or "nothing")
    failed = {key: n for key, n in load.counts.items() if str(key[1]).startswith(("failed", "5"))}
    if load.wrong:
        print(f"{len(load.wrong)} greedy answers differ, such as {load.wrong[0]}")
    if stuck or load.wrong or failed:
        raise SystemExit(f"not well: stuck {stuck}, {len(load.wrong)} wrong, failed {failed}")


if __name__ == "__main__":
    main()
