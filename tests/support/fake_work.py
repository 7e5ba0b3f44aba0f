"""What the viewer runs in tests instead of the real commands: quick, and bad on demand.

Usage: fake_work.py analyze DIR MODES ID…   with MODES a JSON object of id to mode
       fake_work.py generate CSV BYTES SECONDS
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, List


def tell(event: str, **fields: object) -> None:
    """Write an event; spelled out here, so that the protocol is not tested against itself."""
    line = json.dumps(dict({"event": event, "version": 1}, **fields)) + "\n"
    os.write(2, line.encode("utf-8"))


def analyze(folder: Path, modes: Dict[str, Any], ids: List[str]) -> int:
    """Write a page for each id, or misbehave as its mode says."""
    folder.mkdir(parents=True, exist_ok=True)
    tell("start", command="analyze", reports=ids)
    tell("phase", name="analyzing")
    status = 0
    for name in ids:
        tell("report_started", id=name)
        mode = modes.get(name, modes.get("*", "ok"))
        finished = dict({"id": name, "status": "ok"}, reason="", seconds=0.1, size_bytes=100)
        if mode == "fail":
            finished.update(status="failed", reason="/secret/place/x.py broke", size_bytes=0)
            status = 1
        else:
            if mode.startswith("noisy"):
                make_noise()
            misbehave(mode.replace("noisy ", ""), folder)
            page = folder / f"{name}.html"
            aside = folder / f"{name}.html.tmp"
            aside.write_text(f"<!DOCTYPE html><html lang=en><title>{name}</title>{time.time_ns()}")
            os.replace(str(aside), str(page))
        if mode == "alerted":  # a budget is exceeded; nothing is wrong with the report
            status = 3
        if mode not in ("silent", "alerted"):
            tell("report_finished", **finished)
    (folder / "index.html").write_text("<!DOCTYPE html><html lang=en><title>index</title>")
    tell("finished", status="failed" if status else "ok", exit_status=status)
    return status


def make_noise() -> None:
    """Print what is no event, or one that nobody asked for, and an event byte by byte."""
    os.write(
        1, b'no event {"event": "report_finished", "version": 1}\n\xff\xfe\n[[[\na last word\n'
    )
    tell("report_finished", id="no such report", status="ok")
    tell("report_started", id="no such report")
    tell("something_new", id="pricing")
    for byte in b'{"event": "note", "version": 1, "message": "slow"}\n':
        os.write(2, bytes([byte]))


def misbehave(mode: str, folder: Path) -> None:
    """Do what a broken analyzer might do; processes can be found by the folder's name."""
    if mode.startswith("torn "):
        os.write(2, b'{"event": "report_finished", "version": 1, "id": "pric')
        mode = mode.partition(" ")[2]
    if mode == "sleep":
        time.sleep(60)
    elif mode == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(60)
    elif mode == "busy":
        import re

        re.match(r"(a+)+$", "a" * 40 + "b")
    elif mode == "crash":
        os._exit(3)
    elif mode == "abort":
        os.abort()
    elif mode == "segfault":
        import ctypes

        ctypes.string_at(0)
    elif mode == "grandchild":
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", str(folder)])
        time.sleep(60)
    else:
        take_time(mode, folder)


def take_time(mode: str, folder: Path) -> None:
    """Wait for so many seconds, or until the test lets it go on."""
    if mode.startswith("wait "):
        time.sleep(float(mode.split()[1]))
    while mode == "held" and not (folder / "go-on").exists():
        time.sleep(0.02)


def generate(path: Path, size: int, seconds: float) -> int:
    """Grow the file to the size, in steps over so many seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = b"x" * 1023 + b"\n"
    steps = 20
    first = path.stat().st_size if path.exists() else 0
    tell("start", command="generate")
    tell("phase", name="generating")
    for step in range(steps):
        tell("progress", done=first + (size - first) * step // steps, total=size, unit="bytes")
        have = path.stat().st_size if path.exists() else 0
        wanted = size * (step + 1) // steps
        with open(str(path), "ab") as out:
            while have < wanted:
                out.write(line)
                have += len(line)
        time.sleep(seconds / steps)
    return 0


if __name__ == "__main__":
    kind, place = sys.argv[1], Path(sys.argv[2])
    if kind == "analyze":
        sys.exit(analyze(place, json.loads(sys.argv[3]), sys.argv[4:]))
    sys.exit(generate(place, int(sys.argv[3]), float(sys.argv[4])))
