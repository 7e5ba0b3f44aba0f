"""Launcher: `python -m finops`, and what the console script calls.

Loading the command line takes a while, in which a Ctrl-C ends the process at once and silently:
nothing has begun that would have to be cleaned up.  A handler that raises would not do, for what
is raised inside of the import system's own callbacks is printed and lost.  Nothing is imported,
not even from `__future__`, where an interrupt could not be caught.
"""

INTERRUPTED = 130

try:
    # As the interpreter has loaded it; importing `signal` takes a moment.
    import _signal  # type: ignore[import-not-found]
    import os

    def _end_at_once(number: int, frame: object) -> None:
        os._exit(INTERRUPTED)

    # Where the starter has us ignore Ctrl-C, it stays ignored.
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _end_at_once)
    from finops.cli import entry_point
except KeyboardInterrupt:
    raise SystemExit(INTERRUPTED) from None

__all__ = ["entry_point"]

if __name__ == "__main__":
    entry_point()
