"""`serve`: put the viewer together, run it until a signal comes, and take it apart again.

The main thread only waits for signals; requests, jobs and the monitor have threads of their
own.  With `cli` the only module that prints.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import webbrowser
from pathlib import Path
from types import FrameType
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

from finops import config
from finops.business.catalog import DEFAULT_PRICES, PriceTable
from finops.reading_choices import ReadingChoices
from finops.viewer.collector import Collector
from finops.viewer.documents import find_documents
from finops.viewer.event_store import EventStore
from finops.viewer.pages import not_found
from finops.viewer.routes import build_routes
from finops.viewer.server import Limits, ViewerServer
from finops.viewer.showcase import find_examples
from finops.viewer.tasks import Commands
from finops.viewer.viewer_state import Settings, Viewer

TROUBLE = 2
INTERRUPTED = 130
TERMINATED = 143
_HIGHEST_PORT = 65_535


class Running(NamedTuple):
    """A viewer and its server, both started; hand it to `stop`."""

    viewer: Viewer
    server: ViewerServer

    @property
    def url(self) -> str:
        """The address of the dashboard."""
        return f"http://127.0.0.1:{self.server.port}/"


def serve(
    *,
    port: int = config.VIEWER_PORT,
    data: Path = config.DATA_CSV_PATH,
    reports: Path = config.REPORT_DIR,
    target_mb: float = config.TARGET_SIZE_MB,
    monitor: bool = True,
    collect: bool = False,
    collect_key: Optional[str] = None,
    time_limit_s: float = config.JOB_TIME_LIMIT_S,
    open_browser: bool = False,
    quiet: bool = False,
    reading: ReadingChoices = ReadingChoices(),
    prices: PriceTable = DEFAULT_PRICES,
    locations: Sequence[str] = (),
) -> int:
    """Serve the viewer on 127.0.0.1 until SIGINT, SIGTERM or SIGHUP; return the exit status.

    `port` 0 takes any free one and prints it.  `target_mb` is the size that progress is shown
    against, `time_limit_s` the limit of one analyzer in seconds.  `collect` switches the
    collector on, `collect_key` is the key that it then asks for.  `quiet` logs no requests.
    `reading` is how the data is read where that was asked for; what was not is as the reports
    that are there were made.  `prices` are those of collected events.  `locations` are paths,
    folders and patterns where the dataset is not one file; `data` is the first of them.
    Returns 2 after one line on standard error where the port cannot be used, else 130 or 143
    after the signal.
    """
    settings = Settings(
        Path(data),
        Path(reports),
        target_mb,
        monitor,
        collect,
        collect_key,
        time_limit_s,
        reading=reading,
        prices=prices,
        locations=locations,
    )
    try:
        running = start(settings, port, log=_silent if quiet else _log)
    except (OSError, OverflowError) as error:
        _log(f"finops: {_why_not(port, error)}")
        return TROUBLE
    return _until_signal(running, open_browser)


def port_problem(port: int) -> str:
    """Return in one line why this port cannot be used now, "" where it can."""
    try:
        ViewerServer(port, _silent).server_close()
    except (OSError, OverflowError) as error:
        return _why_not(port, error)
    return ""


def start(
    settings: Settings,
    port: int = 0,
    log: Callable[[str], None] = lambda line: None,
    commands: Optional[Commands] = None,
    limits: Optional[Limits] = None,
    showcase: Path = config.PROJECT_ROOT / "showcase",
    project: Path = config.PROJECT_ROOT,
) -> Running:
    """Start server, monitor and jobs, and return at once.

    Raises OSError or OverflowError where the port cannot be used.
    """
    server = ViewerServer(port, log, limits)
    viewer = Viewer(settings, commands)
    documents = find_documents(project)
    routes = build_routes(viewer, find_examples(showcase), _collector(viewer), documents)
    server.set_routes(routes, lambda: not_found(viewer))
    viewer.start()
    server.start()
    return Running(viewer, server)


def stop(running: Running, grace_s: float = config.SHUTDOWN_GRACE_S) -> None:
    """Stop accepting, give running jobs `grace_s` seconds, leave no thread and no process."""
    running.server.stop()
    running.viewer.stop(grace_s)
    running.server.finish()


def _collector(viewer: Viewer) -> Optional[Collector]:
    if not viewer.settings.collect:
        return None
    store = EventStore(viewer.datasets.folder / config.COLLECTED_NAME)
    settings = viewer.settings
    return Collector(store, settings.collect_key, viewer.collected, settings.prices)


def _until_signal(running: Running, open_browser: bool) -> int:
    """Wait for a signal and stop; a second one ends running jobs at once."""
    arrived: List[int] = []
    wake = threading.Event()

    def on_signal(number: int, _frame: Optional[FrameType]) -> None:
        arrived.append(number)
        wake.set()
        if len(arrived) > 1:
            running.viewer.jobs.hurry()

    before = _install(on_signal)
    try:
        _announce(running)
        if open_browser:
            webbrowser.open(running.url)
        while not wake.wait(0.5):  # on Windows a wait without a limit hears no Ctrl-C
            pass
        status = INTERRUPTED if arrived[0] == signal.SIGINT else TERMINATED
        _stop_in_time(running, status)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return status


def _stop_in_time(running: Running, status: int) -> None:
    """Stop; end this process with the status where that takes too long, for whatever reason.

    Jobs end with the process, so none is left even then.
    """
    stopped = threading.Event()

    def give_up() -> None:
        if not stopped.wait(config.SHUTDOWN_LIMIT_S):
            os._exit(status)

    threading.Thread(target=give_up, name="shutdown limit", daemon=True).start()
    jobs = "; running jobs get a moment, Ctrl-C again ends them now"
    _log(f"finops: stopping{jobs if running.viewer.jobs.active() else ''}")
    stop(running)
    stopped.set()


def _install(handler: Callable[[int, Optional[FrameType]], None]) -> Dict[int, Any]:
    names = ["SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        names.remove("SIGHUP")  # `nohup` wants us to outlive the terminal
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    return {number: signal.signal(number, handler) for number in numbers}


def _announce(running: Running) -> None:
    settings = running.viewer.settings
    lines = [
        f"Live viewer of {running.viewer.dataset.name}: http://localhost:{running.server.port}/"
    ]
    if settings.collect:
        lines.append(
            f"Collecting events into {config.COLLECTED_NAME}; point an application at it with "
            f"REVENIUM_METERING_BASE_URL=http://127.0.0.1:{running.server.port}"
        )
    lines.append("Press Ctrl-C to stop.")
    _say("\n".join(lines))


def _why_not(port: int, error: Exception) -> str:
    code = error.errno if isinstance(error, OSError) else None
    if code in (errno.EADDRINUSE, getattr(errno, "WSAEADDRINUSE", errno.EADDRINUSE)):
        return f"port {port} is in use; stop the program that has it, or give another --port"
    if code == errno.EACCES:
        return f"port {port} may not be used by this account; give a --port above 1023"
    if not 0 <= port <= _HIGHEST_PORT:
        return f"{port} is not a port; give a number from 0 to {_HIGHEST_PORT}"
    return f"cannot listen on port {port}: {getattr(error, 'strerror', None) or error}"


def _silent(line: str) -> None:
    """Log nothing."""


def _say(text: str) -> None:
    try:
        print(text, flush=True)
    except (OSError, ValueError):
        return  # nobody reads it; the server serves all the same


def _log(line: str) -> None:
    try:
        print(line, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        return
