"""What an Idempotency-Key was used for: the same request again gets the same answer.

A key belongs to the first body that came with it.  Another body under the same key is refused,
for the sender would take the answer for its own.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from typing import Any, Dict, NamedTuple, Optional

from finops import config

Answer = Dict[str, Any]


class KeyReusedError(Exception):
    """The key was used with another body."""


class _Use(NamedTuple):
    body: str
    answer: Optional[Answer]  # None as long as the first request is being served


class AnswerCache:
    """The latest keys, their bodies (by digest) and answers.  Safe to call from any thread.

    A request without a key ("") has nothing to do with any other.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._uses: OrderedDict[str, _Use] = OrderedDict()

    def claim(self, key: str, body: str) -> Optional[Answer]:
        """Return the answer that is to be given again, None for a request that is to be served.

        Raises KeyReusedError.
        """
        if not key:
            return None
        with self._lock:
            use = self._uses.setdefault(key, _Use(body, None))
            while len(self._uses) > config.COLLECT_KEPT_ANSWERS:
                self._uses.popitem(last=False)
        if use.body != body:
            raise KeyReusedError
        return use.answer

    def keep(self, key: str, body: str, answer: Answer) -> Answer:
        """Remember an answer, or return the one that another thread was first with."""
        if not key:
            return answer
        with self._lock:
            use = self._uses.get(key)
            if use is not None and use.answer is not None:
                return use.answer
            self._uses[key] = _Use(body, answer)
        return answer

    def release(self, key: str) -> None:
        """Forget a claim whose request was not served."""
        with self._lock:
            use = self._uses.get(key)
            if use is not None and use.answer is None:
                del self._uses[key]


def digest(data: bytes) -> str:
    """Return a short stand-in for bytes of any length; "" for none."""
    return hashlib.blake2b(data, digest_size=16).hexdigest() if data else ""
