"""Run the live viewer from a fresh checkout, the same as `finops serve`.

Like the other launcher it imports nothing where a Ctrl-C could not be caught.
"""

try:
    import os
    import sys

    if __name__ == "__main__":
        import _signal  # loaded by the interpreter itself: nothing is imported here

        # What is raised inside of the import system's callbacks is printed, and lost.
        if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
            _signal.signal(_signal.SIGINT, lambda *_: os._exit(130))
        folder = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
        sys.path.insert(0, os.path.join(folder, "src"))
        from finops.__main__ import entry_point
except KeyboardInterrupt:
    if __name__ != "__main__":
        raise
    raise SystemExit(130) from None

if __name__ == "__main__":
    entry_point(["serve", *sys.argv[1:]])
