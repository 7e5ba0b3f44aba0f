"""The copy of Chart.js beside the reports: pages draw their charts without a network.

`make chartjs` fetches the npm package; a run that writes reports copies the one file from
there, if it is the very release that the pages name.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Optional, Union

from finops.atomic import write_aside
from finops.config import PROJECT_ROOT
from finops.regular_files import read_regular

CHARTJS_VERSION = "4.5.1"
CHARTJS_URL = f"https://cdn.jsdelivr.net/npm/chart.js@{CHARTJS_VERSION}/dist/chart.umd.js"
CHARTJS_INTEGRITY = "sha384-hfkuqrKeWFmnTMWN31VWyoe8xgdTADD11kgxmdpx2uyE6j5Az5uZq6u6AKYYmAOw"
CHARTJS_FILE = "chart.umd.js"

AT_HAND = PROJECT_ROOT / "node_modules" / "chart.js" / "dist" / CHARTJS_FILE


def integrity(content: bytes) -> str:
    """Return the integrity value of these bytes, as it stands in a script element."""
    return "sha384-" + base64.b64encode(hashlib.sha384(content).digest()).decode("ascii")


def copy_library(folder: Union[str, Path], source: Optional[Path] = None) -> bool:
    """Copy Chart.js into a folder of reports; return whether it is there afterwards.

    A file that is not the pinned release is left where it is.  Raises OSError where the
    folder cannot be written.
    """
    library = source or AT_HAND
    target = Path(folder) / CHARTJS_FILE
    if target.is_file() and integrity(read_regular(target)) == CHARTJS_INTEGRITY:
        return True
    if not library.is_file():
        return False
    content = read_regular(library)
    if integrity(content) != CHARTJS_INTEGRITY:
        return False
    write_aside(target, content)
    return True
