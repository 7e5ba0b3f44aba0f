"""Detectors against planted truth: what was found, what was missed, what was a false alarm.

Pure functions over result dicts and the truth that a simulation recorded; no analyzer knows
of either.  An alarm of a kind matches an incident of that kind if

- the subject is the same (customer or provider; a burst of all traffic has none), and
- their times overlap, where the detector names one: an hour, or a whole day.

Rules by kind:

=================  ============================================================  ============
kind               alarms                                                        time
=================  ============================================================  ============
hour_burst         realtime.anomalies of the pattern burst                       hour
viral_customer     abuse_detection.unusual_usage (rises) and .cost_spikes        day
departed_customer  churn_growth.churned                                          none
rate_limit_abuser  abuse_detection.rate_limit_abuse                              hour
region_hopper      abuse_detection.suspicious_access of the pattern hopping      day
prompt_waster      token_economics.prompt_wasters                                none
slow_provider      realtime.alerts of type provider_degraded, by latency         hour
=================  ============================================================  ============

Where the detector names no time, all incidents of one subject are one.  An incident that
begins after the data ends is not planted.  A departure is known after as many whole days as
count as churn: a later one is not planted, and an alarm on a shorter silence is not judged.
Nor is an alarm about an incident that the truth calls unsettled: it has begun so shortly before
the data ends that it is too recent to be scored.

An alarm without an incident is a false one.  Alarms of one subject less than
`config.EVALUATION_EPISODE_HOURS` apart are one false alarm, but each hour of a burst counts.
An alarm is neither found nor false where it is about the effect of another planted incident:
a viral customer makes expensive hours, one that runs into rate limits makes many calls.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Callable, Dict, Iterable, List, Mapping, NamedTuple, Sequence, Tuple

from finops import config, stats
from finops.results.long_lists import listed
from finops.timestamps import moment_of

Results = Mapping[str, Mapping[str, Any]]

# Incidents by kind.
Planted = Mapping[str, Sequence["Incident"]]

_ALWAYS = (datetime.min, datetime.max)


class Incident(NamedTuple):
    """One planted incident, from `start` to `end` (excluded)."""

    subject: str
    start: datetime
    end: datetime


class Alarm(NamedTuple):
    """One alarm, from `start` to `end` (excluded)."""

    subject: str
    start: datetime
    end: datetime


class _Kind(NamedTuple):
    """How a kind of incident is detected: its alarms, and the kinds whose effect they may be."""

    alarms: Callable[[Results], Iterable[Alarm]]
    effect_of: Tuple[str, ...] = ()
    timed: bool = True
    by_hour: bool = False


def evaluate(
    results: Results, truth: Mapping[str, Any], only: Iterable[str] = ()
) -> Dict[str, Any]:
    """Return the score of each kind of incident, or of `only` some.

    `results` maps analyzer ids to their dicts, `truth` is the content of the truth file.
    Returns {"seed", "kinds": [{"kind", "planted", "found", "missed", "false_alarms",
    "precision", "recall", "f1", "missed_incidents", "false_alarm_list"}]}: counts, rates from
    0 to 1, and for each miss and false alarm {"subject", "start"}, start being "" where the
    kind has no time.  A kind of which nothing was planted and nothing raised scores 1.
    """
    end = results.get("dataset_overview", {}).get("temporal", {}).get("end_time", "")
    last = moment(end) if end else datetime.max
    planted = {kind: _planted(kind, truth.get("incidents", []), last) for kind in KINDS}
    begun = {kind: _planted(kind, truth.get("unsettled", []), last) for kind in KINDS}
    wanted = set(only) or set(KINDS)
    return {
        "seed": truth.get("seed"),
        "kinds": [_score(kind, results, planted, begun, last) for kind in KINDS if kind in wanted],
    }


def moment(text: str) -> datetime:
    """Return the time of a timestamp, an hour or a date, fractions of a second left out."""
    return moment_of(text[:19])


def _planted(kind: str, incidents: Iterable[Mapping[str, Any]], last: datetime) -> List[Incident]:
    """Return the incidents of a kind that begin within the data, in order of time."""
    planted = [
        Incident(i["subject"], moment(i["start"]), moment(i["end"]))
        for i in incidents
        if i["kind"] == kind and moment(i["start"]) <= last
    ]
    planted.sort(key=lambda i: (i.start, i.subject, i.end))
    if KINDS[kind].timed:
        return planted
    first: Dict[str, Incident] = {}
    for incident in planted:
        first.setdefault(incident.subject, incident)
    return list(first.values())


def _score(
    kind: str, results: Results, planted: Planted, begun: Planted, last: datetime
) -> Dict[str, Any]:
    """Return the row of one kind."""
    alarms = list(KINDS[kind].alarms(results))
    known = [i for i in planted[kind] if _knowable(kind, i.start, last)]
    missed = [i for i in known if not any(_match(a, i) for a in alarms)]
    judged = [a for a in alarms if _knowable(kind, a.start, last)]
    false = [a for a in judged if not (_true(kind, a, planted) or _true(kind, a, begun))]
    false = _episodes(kind, false)
    detected = len(known) - len(missed)
    precision = stats.ratio(detected, detected + len(false)) if detected or false else 1.0
    recall = stats.ratio(detected, len(known)) if known else 1.0
    if not detected and known:
        precision = 0.0
    return {
        "kind": kind,
        "planted": len(known),
        "found": detected,
        "missed": len(missed),
        "false_alarms": len(false),
        "precision": precision,
        "recall": recall,
        "f1": stats.ratio(2 * precision * recall, precision + recall),
        "missed_incidents": [_named(kind, i.subject, i.start) for i in missed],
        "false_alarm_list": [_named(kind, a.subject, a.start) for a in false],
    }


def _named(kind: str, subject: str, start: datetime) -> Dict[str, str]:
    return {"subject": subject, "start": start.isoformat() if KINDS[kind].timed else ""}


def _knowable(kind: str, start: datetime, last: datetime) -> bool:
    """Return whether the data goes on long enough to know of what began at `start`."""
    silence = timedelta(days=config.CHURN_INACTIVE_DAYS)
    return kind != "departed_customer" or start <= last - silence


def _match(alarm: Alarm, incident: Incident) -> bool:
    """Return whether subject and time agree."""
    return alarm.subject == incident.subject and _overlap(alarm, incident)


def _overlap(alarm: Alarm, incident: Incident) -> bool:
    return alarm.start < incident.end and incident.start < alarm.end


def _true(kind: str, alarm: Alarm, planted: Planted) -> bool:
    """Return whether an incident of the kind, or the effect of another kind, made the alarm."""
    if any(_match(alarm, incident) for incident in planted[kind]):
        return True
    return any(
        _match(alarm, incident) for other in KINDS[kind].effect_of for incident in planted[other]
    )


def _episodes(kind: str, alarms: Iterable[Alarm]) -> List[Alarm]:
    """Return the first alarm of each run of alarms of one subject, in order of time."""
    single = KINDS[kind].by_hour or not KINDS[kind].timed
    gap = timedelta(hours=0 if single else config.EVALUATION_EPISODE_HOURS)
    until: Dict[str, datetime] = {}
    episodes = []
    for alarm in sorted(alarms, key=lambda a: (a.start, a.subject, a.end)):
        before = until.get(alarm.subject)
        if before is None or alarm.start >= before + gap:
            episodes.append(alarm)
        until[alarm.subject] = max(alarm.end, before or alarm.end)
    return episodes


# --- alarms ----------------------------------------------------------------------------------


def _rows(results: Results, analyzer: str, section: str) -> List[Mapping[str, Any]]:
    """Return a section of a result, empty where the analyzer did not run."""
    rows: List[Mapping[str, Any]] = results.get(analyzer, {}).get(section, [])
    return list(listed(rows))


def _hour(subject: str, hour: str) -> Alarm:
    start = moment(hour)
    return Alarm(subject, start, start + timedelta(hours=1))


def _day(subject: str, date: str) -> Alarm:
    start = moment(date)
    return Alarm(subject, start, start + timedelta(days=1))


def _bursts(results: Results) -> Iterable[Alarm]:
    for row in _rows(results, "realtime", "anomalies"):
        yield _hour(row["top_customer"], row["hour"])


def _viral(results: Results) -> Iterable[Alarm]:
    for row in _rows(results, "abuse_detection", "unusual_usage"):
        if row["z_score"] > 0:
            yield _day(row["customer_id"], row["date"])
    for row in _rows(results, "abuse_detection", "cost_spikes"):
        yield _day(row["customer_id"], row["date"])


def _departed(results: Results) -> Iterable[Alarm]:
    for row in _rows(results, "churn_growth", "churned"):
        silent = moment(row["last_activity_date"]) + timedelta(days=1)
        yield Alarm(row["customer_id"], silent, datetime.max)


def _rate_limited(results: Results) -> Iterable[Alarm]:
    for row in _rows(results, "abuse_detection", "rate_limit_abuse"):
        yield _hour(row["customer_id"], row["hour"])


def _hopping(results: Results) -> Iterable[Alarm]:
    for row in _rows(results, "abuse_detection", "suspicious_access"):
        if row.get("pattern", "hopping") == "hopping":
            yield _day(row["customer_id"], row["date"])


def _wasting(results: Results) -> Iterable[Alarm]:
    for row in _rows(results, "token_economics", "prompt_wasters"):
        yield Alarm(row["customer_id"], *_ALWAYS)


def _degraded(results: Results) -> Iterable[Alarm]:
    """Yield the slow hours; hours full of errors are about a provider that fails, or a caller."""
    for row in _rows(results, "realtime", "alerts"):
        slow = row.get("measure", "p95_latency_ms") == "p95_latency_ms"
        if row["type"] == "provider_degraded" and slow:
            yield _hour(row["subject"], row["time"])


KINDS: Dict[str, _Kind] = {
    "hour_burst": _Kind(_bursts, ("viral_customer", "prompt_waster"), by_hour=True),
    "viral_customer": _Kind(
        _viral, ("hour_burst", "rate_limit_abuser", "region_hopper", "prompt_waster")
    ),
    "departed_customer": _Kind(_departed, timed=False),
    "rate_limit_abuser": _Kind(_rate_limited, ("hour_burst", "viral_customer")),
    "region_hopper": _Kind(_hopping),
    "prompt_waster": _Kind(_wasting, timed=False),
    "slow_provider": _Kind(_degraded),
}
