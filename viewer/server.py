"""Run the live viewer from a fresh checkout, the same as `finops serve`.

Like the other launcher it imports nothing where a Ctrl-C could not be caught.
"""

import os
import sys

if __name__ == "__main__":
    try:
        folder = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
        sys.path.insert(0, os.path.join(folder, "src"))
        from finops.__main__ import entry_point
    except KeyboardInterrupt:
        os._exit(130)
    entry_point(["serve", *sys.argv[1:]])
