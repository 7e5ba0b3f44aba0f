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


def analyze(folder: Path, modes: Dict[str, Any], ids: List[str]) -> int:
    """Write a page for each id, or misbehave as its mode says."""
    folder.mkdir(parents=True, exist_ok=True)
    status = 0
    for number, name in enumerate(ids, 1):
        print(f"analyzing {name} ({number} of {len(ids)})", flush=True)
        mode = modes.get(name, modes.get("*", "ok"))
        if mode == "fail":
            print(f"finops: {name} failed, its last report stays: /secret/place/x.py broke")
            status = 1
            continue
        misbehave(mode, folder)
        page = folder / f"{name}.html"
        aside = folder / f"{name}.html.tmp"
        aside.write_text(f"<!DOCTYPE html><html lang=en><title>{name}</title>{time.time_ns()}")
        os.replace(str(aside), str(page))
    (folder / "index.html").write_text("<!DOCTYPE html><html lang=en><title>index</title>")
    return status


def misbehave(mode: str, folder: Path) -> None:
    """Do what a broken analyzer might do; processes can be found by the folder's name."""
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
    elif mode.startswith("wait "):
        time.sleep(float(mode.split()[1]))


def generate(path: Path, size: int, seconds: float) -> int:
    """Grow the file to the size, in steps over so many seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = b"x" * 1023 + b"\n"
    steps = 20
    for step in range(steps):
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
