"""Measure imports: a large file of spend logs, and a folder of many coding-agent sessions.

    .venv/bin/python scripts/bench_import.py                       1 GB and 10,000 files
    …                                        --megabytes 50 --files 1000 --runs 5

Shown are MB/s by the clock and by CPU, the most memory of all processes together, and what a
second import costs against the first.  Of several runs the median and the spread are shown;
where the machine is busy, CPU says more than the clock.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import statistics
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence

from running import Run, run

MEGABYTE = 1_000_000
BEGINNING = datetime(2026, 7, 1)
MODELS = [
    ("claude-sonnet-4-5", "anthropic"),
    ("claude-haiku-4-5", "anthropic"),
    ("gpt-4o", "openai"),
    ("gemini-2.5-flash", "gemini"),
]


def moment(instant: datetime) -> str:
    """Return an instant as logs have it."""
    return instant.isoformat(timespec="milliseconds") + "Z"


def spend_log(number: int, rng: random.Random) -> Dict[str, Any]:
    """Return a record of the LiteLLM proxy, about 1.1 KB of JSON."""
    model, provider = rng.choice(MODELS)
    start = BEGINNING + timedelta(milliseconds=400 * number + rng.randrange(5000))
    duration = rng.randrange(300, 9000)
    prompt, completion = rng.randrange(200, 30_000), rng.randrange(5, 2000)
    cached = rng.randrange(prompt) if rng.random() < 0.5 else 0
    usage = {
        "cache_read_input_tokens": cached,
        "cache_creation_input_tokens": 0,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": None},
    }
    return {
        "request_id": f"chatcmpl-{hashlib.md5(b'%d' % number).hexdigest()}",
        "call_type": "acompletion",
        "api_key": hashlib.sha256(b"%d" % rng.randrange(20)).hexdigest(),
        "spend": round(prompt * 3e-6 + completion * 1.5e-5, 8),
        "total_tokens": prompt + completion,
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "startTime": moment(start),
        "endTime": moment(start + timedelta(milliseconds=duration)),
        "request_duration_ms": duration,
        "completionStartTime": moment(start + timedelta(milliseconds=200)),
        "model": model,
        "model_id": hashlib.md5(model.encode()).hexdigest(),
        "model_group": model,
        "custom_llm_provider": provider,
        "api_base": f"https://api.{provider}.com/v1",
        "user": "team-user",
        "metadata": {"additional_usage_values": usage, "user_api_key_org_id": None},
        "cache_hit": "False",
        "cache_key": "Cache OFF",
        "request_tags": ["feature:search", "env:production"],
        "team_id": f"team-{rng.randrange(9)}",
        "organization_id": None,
        "end_user": f"customer-{rng.randrange(300)}",
        "requester_ip_address": None,
        "messages": {},
        "response": {},
        "session_id": f"session-{number // 3}",
        "status": "success",
    }


def write_spend_logs(path: Path, megabytes: int) -> None:
    """Write a file of spend logs of about a size."""
    rng = random.Random(5)
    size = number = 0
    with path.open("w", encoding="utf-8") as file:
        while size < megabytes * MEGABYTE:
            size += file.write(json.dumps(spend_log(number, rng)) + "\n")
            number += 1


def answer(rng: random.Random, session: str, instant: datetime) -> List[Dict[str, Any]]:
    """Return the lines of a question and of its answer in a session file."""
    common = {"sessionId": session, "cwd": "/home/ann/shop", "version": "2.0.14"}
    usage = {
        "input_tokens": rng.randrange(3, 50),
        "cache_creation_input_tokens": rng.randrange(5000),
        "cache_read_input_tokens": rng.randrange(90_000),
        "output_tokens": rng.randrange(900),
        "service_tier": "standard",
    }
    message = {
        "id": f"msg_{rng.getrandbits(96):024x}",
        "model": "claude-sonnet-4-5-20250929",
        "content": [{"type": "text", "text": "y" * rng.randrange(100, 700)}],
        "usage": usage,
    }
    question = {"role": "user", "content": "x" * rng.randrange(100, 900)}
    request = f"req_{rng.getrandbits(96):024x}"
    reply = {**common, "type": "assistant", "requestId": request, "message": message}
    return [
        {**common, "type": "user", "timestamp": moment(instant), "message": question},
        {**reply, "timestamp": moment(instant + timedelta(seconds=2))},
        {**reply, "timestamp": moment(instant + timedelta(seconds=3))},
    ]


def write_sessions(folder: Path, count: int) -> None:
    """Write so many session files as Claude Code lays them out."""
    rng = random.Random(3)
    for number in range(count):
        path = folder / "projects" / f"project-{number % 40}" / f"{number}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        start = BEGINNING + timedelta(minutes=12 * number)
        lines: List[Dict[str, Any]] = []
        for turn in range(rng.randrange(8, 14)):
            lines += answer(rng, f"s{number}", start + timedelta(minutes=turn))
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def grow(folder: Path, number: int) -> None:
    """Add an answer to one of the sessions."""
    path = folder / "projects" / "project-0" / "0.jsonl"
    lines = answer(random.Random(1000 + number), "s0", BEGINNING + timedelta(days=number))
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(json.dumps(line) + "\n" for line in lines))


def imported(format_id: str, source: Path, out: Path, *more: str) -> Run:
    """Import, and return what that took."""
    words = ("import", format_id, str(source), "--out", str(out), "--quiet", *more)
    return run([sys.executable, "-m", "finops", *words])


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def shown(runs: Sequence[Run], figure: Callable[[Run], float], form: str = "{:.1f}") -> str:
    """Return the median of a figure and its spread."""
    values = [figure(run) for run in runs]
    least, middle, most = min(values), statistics.median(values), max(values)
    return f"{form.format(middle)} ({form.format(least)} to {form.format(most)})"


def report(what: str, size: int, runs: Sequence[Run]) -> None:
    """Print what imports of so many bytes took."""
    megabytes = size / MEGABYTE
    print(
        f"{what}, {megabytes:,.0f} MB: {shown(runs, lambda r: megabytes / r.seconds)} MB/s,"
        f" {shown(runs, lambda r: 1000 * r.cpu_seconds / megabytes)} ms of CPU for each MB,"
        f" {shown(runs, lambda r: r.megabytes, '{:.0f}')} MB of memory"
    )


def measure(folder: Path, megabytes: int, files: int, runs: int) -> None:
    """Measure both kinds of import."""
    out = folder / "calls.csv"
    if megabytes:
        path = folder / "spend_logs.jsonl"
        write_spend_logs(path, megabytes)
        once = [imported("litellm", path, out, "--fresh") for _ in range(runs)]
        report("spend logs", path.stat().st_size, once)
        path.unlink()
    if files:
        sessions = folder / "agent"
        write_sessions(sessions, files)
        firsts, seconds = [], []
        for number in range(runs):
            firsts.append(imported("claude-code", sessions, out, "--fresh"))
            grow(sessions, number)
            seconds.append(imported("claude-code", sessions, out))
        report(f"{files:,} session files", size_of(sessions), firsts)
        clock = [100 * b.seconds / a.seconds for a, b in zip(firsts, seconds)]
        cpu = [100 * b.cpu_seconds / a.cpu_seconds for a, b in zip(firsts, seconds)]
        print(
            f"after one grew: {statistics.median(clock):.1f}% of the first import by the clock,"
            f" {statistics.median(cpu):.1f}% by CPU,"
            f" {shown(seconds, lambda r: r.megabytes, '{:.0f}')} MB of memory"
        )


def main() -> None:
    """Measure in a temporary folder, which is removed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--megabytes", type=int, default=1000, help="of spend logs, 0 for none")
    parser.add_argument("--files", type=int, default=10_000, help="session files, 0 for none")
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="finops-bench-import-") as folder:
        measure(Path(folder), args.megabytes, args.files, args.runs)


if __name__ == "__main__":
    main()
