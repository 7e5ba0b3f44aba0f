"""What the formats of usage logs mean for money: which sources' costs are only list prices."""

from __future__ import annotations

from typing import Dict

# Costs of these sources are computed from list prices; what is paid may be less.
AT_LIST_PRICES: Dict[str, str] = {
    "claude-code": "at API list prices: subscribers pay less",
    "codex": "at API list prices: subscribers pay less",
    "gemini-cli": "at API list prices: the free quota costs nothing",
    "opencode": "at API list prices where a subscription pays",
}
