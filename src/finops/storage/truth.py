"""The file beside a simulated CSV that says which incidents were planted.

Only the evaluation of detectors asks for it; no analyzer ever does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Optional, Union

from finops.json_files import read_object
from finops.storage.commit import read_commit


def truth_path(path: Union[str, Path]) -> Path:
    """Return where the truth about a simulated CSV is."""
    return Path(path).with_suffix(".truth.json")


def read_truth(path: Union[str, Path]) -> Optional[Dict[str, Any]]:
    """Return what the simulator planted in a CSV, None where that is not recorded.

    A truth file beside rows that the simulator did not make belongs to other rows.
    """
    mark = read_commit(path)
    if mark is None or mark.simulation is None:
        return None
    return read_object(truth_path(path))
