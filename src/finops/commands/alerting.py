"""`--budget`, `--fail-on` and `--webhook`: what a scheduled run is asked to report.

What is alerted is a state and said at every run, in one line each and by the exit status; a
webhook hears of it once (see `alerts.posting`).
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, List, NamedTuple, Optional, Tuple

from finops.alerts.alert import LEVELS, Alert, budget_alerts, finding_alerts, unsettled
from finops.commands.base import Console, settings_of
from finops.commands.reading import Reading
from finops.config import BUDGET_SCOPES, Budget
from finops.errors import FinOpsError, UsageError

if TYPE_CHECKING:
    from finops.alerts.webhook import Webhook
    from finops.pipeline import Outcome

ALERTED = 3
_TOTAL = BUDGET_SCOPES[0]
_AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?").fullmatch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    group = parser.add_argument_group("options of scheduled checks")
    group.add_argument(
        "--budget",
        metavar="USD",
        type=parse_budget,
        help="what all calls of a calendar month may cost (default: the budgets of the"
        f" configuration file); exit status {ALERTED} where any month of the data costs more",
    )
    group.add_argument(
        "--fail-on",
        metavar="LEVEL",
        choices=list(LEVELS),
        help=f"exit status {ALERTED} where there is a finding of this level or above: critical or"
        " warning",
    )
    group.add_argument(
        "--webhook",
        metavar="URL",
        help="also post what is alerted to this address, as Slack takes it: once for each budget,"
        " month and level; a budget of another amount is another one, and going back to an"
        " earlier amount posts nothing again",
    )


def parse_budget(text: str) -> float:
    """Return an amount in USD above 0.  Raises UsageError for anything else.

    >>> parse_budget("500")
    500.0
    """
    if not _AMOUNT(text) or not float(text):
        raise UsageError(f"'{text}' is not a budget; write an amount in USD above 0, such as 500")
    return float(text)


class Watch(NamedTuple):
    """What one run looks for and whom it tells: `data` is the first location, `level` one of
    `LEVELS`, None for no findings.
    """

    budgets: Tuple[Budget, ...]
    level: Optional[str]
    webhook: Optional[Webhook]
    data: str
    reports: Path

    def report(self, outcome: Outcome, console: Console) -> bool:
        """Note each alert in a line, post those that are new, and return whether there are any."""
        alerts = self._alerts(outcome)
        for text in [*(alert.text for alert in alerts), *unsettled(outcome.budget_months)]:
            console.remark(f"finops: {_line(text)}")
        if self.webhook is not None:
            self._post(self.webhook, alerts, outcome.rollups.file.name, console)
        return bool(alerts)

    def _alerts(self, outcome: Outcome) -> List[Alert]:
        months = outcome.budget_months
        if not (months or self.level):
            return []
        period = outcome.rollups.period
        alerts = budget_alerts(months, period.timezone)
        if self.level:
            _, last = period.ends
            alerts += finding_alerts(outcome.results, self.level, last[:7], months)
        return alerts

    def _post(self, webhook: Webhook, alerts: List[Alert], about: str, console: Console) -> None:
        """Post what is new; where that fails, what is alerted is no less so."""
        from finops.alerts.posting import post_new, record_path

        record = record_path(self.data, self.reports)
        try:
            post_new(alerts, record, webhook.post, _line(about))
        except FinOpsError as error:
            console.remark(f"finops: {error}")


def watch_of(args: argparse.Namespace, reading: Reading) -> Watch:
    """Return what the arguments and the configuration ask for; other commands have no arguments.

    Raises UsageError for an address that is not to be posted to, or has nothing to hear.
    """
    budgets = reading.budgets
    amount, url = getattr(args, "budget", None), getattr(args, "webhook", None)
    level = getattr(args, "fail_on", None)
    if amount is not None:
        others = (budget for budget in budgets if budget.scope != _TOTAL)
        budgets = (Budget(_TOTAL, "", amount), *others)
    webhook = _webhook(url) if url is not None else None
    if webhook is not None and not (budgets or level):
        raise UsageError("--webhook has nothing to report; give --budget or --fail-on as well")
    reports = settings_of(args).reports
    return Watch(budgets, level, webhook, reading.choices.data[0], reports)


def _webhook(url: str) -> Webhook:
    from finops.alerts.webhook import Webhook  # TLS takes a while to import

    return Webhook(url)


def _line(text: str) -> str:
    return " ".join(text.split())
