"""Launcher: run or import the package in `src/finops` from a checkout, nothing installed.

`python -m finops`, `python finops.py` and `import finops` in the project's root all find this
module first.  Run, it hands over to the command line.  Imported, it becomes the package: its
`__path__` leads to the sources, so that no second folder bears the name.

It imports nothing, not even from `__future__`, that the interpreter has not loaded by itself: a
Ctrl-C in there could not be caught.
"""

try:
    import os
    import sys

    def _source() -> str:
        return os.path.join(os.path.dirname(os.path.realpath(__file__)), "src")

    if __name__ == "__main__":
        import _signal  # loaded by the interpreter itself: nothing is imported here

        # What is raised inside of the import system's callbacks is printed, and lost.
        if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
            _signal.signal(_signal.SIGINT, lambda *_: os._exit(130))
        sys.path.insert(0, _source())
        from finops.__main__ import entry_point
except KeyboardInterrupt:
    if __name__ != "__main__":
        raise
    raise SystemExit(130) from None

if __name__ == "__main__":
    entry_point()
else:
    __path__ = [os.path.join(_source(), "finops")]
    if __spec__ is not None:
        __spec__.submodule_search_locations = __path__
    __file__ = os.path.join(__path__[0], "__init__.py")
    with open(__file__, "rb") as _stream:
        exec(compile(_stream.read(), __file__, "exec"))
