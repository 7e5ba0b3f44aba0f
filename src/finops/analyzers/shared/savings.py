"""What can be saved: one allocation for all reports, in which every dollar is saved once.

The calls of the last 30 whole days stand in lines, one for each feature, task and model.  Steps
are applied in the order of their ease, each to what the steps before it have left of the cost of
a line.  So the savings of all steps add up, and never to more than was spent.

A step is a function from lines to lines: it lowers the cost of those that it concerns, and says
where they run.  To add one, write it and put it in its place in `STEPS`; tables that it needs
besides `USAGE` stand beside it.
"""

from __future__ import annotations

import math
from typing import Callable, Collection, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from finops import config
from finops.analyzers.shared.commitments import MODEL_HOURS, left_of_cost
from finops.analyzers.shared.covered_days import CoveredDays
from finops.analyzers.shared.known_costs import known_cost
from finops.analyzers.shared.lifecycle import cost_on_successor, retirement_of
from finops.analyzers.shared.model_switches import (
    DOWNGRADABLE,
    MODEL_ERRORS,
    at_own_price,
    cost_on,
    failing_models,
    in_service,
    undominated,
)
from finops.analyzers.shared.token_prices import (
    FREE_FAILURE,
    TOKEN_MEASURES,
    ListPrices,
    classes_of,
)
from finops.business.catalog import Model
from finops.business.usage import TokenClasses
from finops.results.optimization import (
    BatchOpportunity,
    CachingOpportunity,
    ModelMove,
    SavingsStep,
)
from finops.rollups.expressions import one_of
from finops.rollups.measures import Dimension
from finops.rollups.spec import Rollups, Table
from finops.stats import percent as percent_of
from finops.stats import ratio

CACHING, BATCH, COMMITMENT = "caching", "batch", "commitment"
# Whether a call was made at the price of those that may wait.
DEFERRED = Dimension("deferred", one_of("service_tier", "batch", "flex"))
USAGE = Table(
    ("day", "feature_id", "task_type", "provider", "model", DOWNGRADABLE, FREE_FAILURE, DEFERRED),
    ("calls", "cost", *TOKEN_MEASURES),
)


class Line(NamedTuple):
    """Calls of one feature, task and model on some days.

    `cost` is what is left of their cost after the steps so far, in USD; `tokens` are those of
    the billed calls.  `runs_on` is the model after the steps so far, None where it is in no
    price table.  `deferred` says whether the calls have the price of those that may wait.
    """

    feature_id: str
    task_type: str
    provider: str
    model: str
    downgradable: bool
    deferred: bool
    calls: int
    cost: float
    tokens: TokenClasses
    runs_on: Optional[Model]


# Feature, task, provider and model.
Work = Tuple[str, str, str, str]
Apply = Callable[[Sequence[Line], Rollups, CoveredDays], List[Line]]


class Step(NamedTuple):
    """One way to save, how sure it is and what it takes; `changes_model` where answers change."""

    name: str
    confidence: str
    effort: str
    apply: Apply
    changes_model: bool = False
    tables: Tuple[Table, ...] = ()


def work_of(line: Line) -> Work:
    """Return what the calls of a line are made for, and on which model."""
    return line.feature_id, line.task_type, line.provider, line.model


# --- the steps -------------------------------------------------------------------------------


def _switch(allowed: Callable[[Model, Model], bool], lower: bool = False) -> Apply:
    """Return the step to the cheapest model that is allowed in place of the present one.

    `lower`: for tasks that tolerate it, one capability class below is open too.  A model that
    its provider has retired by the end of the data is no alternative.
    """

    def apply(lines: Sequence[Line], data: Rollups, span: CoveredDays) -> List[Line]:
        candidates: Dict[Tuple[str, str, bool], List[Model]] = {}

        def of(line: Line) -> List[Model]:
            key = (line.provider, line.model, lower and line.downgradable)
            if key not in candidates:
                current = data.prices.find(line.provider, line.model)
                candidates[key] = undominated(
                    model
                    for model in (data.prices.alternatives(current, key[2]) if current else ())
                    if current and allowed(current, model) and in_service(model, span.dates[-1])
                )
            return candidates[key]

        return [_on_cheapest(line, of(line)) for line in lines]

    return apply


def _on_cheapest(line: Line, models: Iterable[Model]) -> Line:
    best = min(
        ((cost_on(model, line.tokens), model.provider, model.name, model) for model in models),
        default=None,
    )
    if best is None or line.deferred or line.runs_on is None:
        return line
    cost = at_own_price(best[0], line.cost, cost_on(line.runs_on, line.tokens))
    least = config.SWITCH_MIN_SAVINGS_PERCENT / 100
    if cost is None or line.cost - cost <= line.cost * least:
        return line
    return line._replace(cost=cost, runs_on=best[3])


def _defer(lines: Sequence[Line], data: Rollups, span: CoveredDays) -> List[Line]:
    """Move tasks that may wait to the batch price of their provider."""
    factor = 1 - config.BATCH_DISCOUNT_PCT / 100
    return [
        line._replace(cost=line.cost * factor, deferred=True) if _may_wait(line) else line
        for line in lines
    ]


def _may_wait(line: Line) -> bool:
    provider = line.runs_on.provider if line.runs_on else line.provider
    return (
        not line.deferred
        and line.task_type in config.BATCH_TASKS
        and provider in config.BATCH_PROVIDERS
    )


def _cache(lines: Sequence[Line], data: Rollups, span: CoveredDays) -> List[Line]:
    """Read as much of the input from a cache as all calls to the same model do on average.

    How much could be read at best is not known; what others of one's own reach is within reach.
    """
    shares = cache_shares(lines)
    return [_with_cache(line, shares[line.provider, line.model]) for line in lines]


def cache_shares(lines: Iterable[Line]) -> Dict[Tuple[str, str], float]:
    """Return which part of the input of each model was read from a cache, 0 to 1."""
    sums: Dict[Tuple[str, str], Tuple[int, int]] = {}
    for line in lines:
        read, inputs = sums.get((line.provider, line.model), (0, 0))
        sums[line.provider, line.model] = (read + line.tokens.read, inputs + inputs_of(line))
    return {key: ratio(read, inputs) for key, (read, inputs) in sums.items()}


def inputs_of(line: Line) -> int:
    """Return all input tokens of a line."""
    tokens = line.tokens
    return tokens.text + tokens.audio + tokens.read + tokens.write + tokens.write_1h


def _with_cache(line: Line, share: float) -> Line:
    """Return a line with so much of its input read from a cache, where that is more."""
    more = min(int(share * inputs_of(line)) - line.tokens.read, line.tokens.text)
    model = line.runs_on
    few = line.calls < config.MODEL_MIN_CALLS
    if more <= 0 or few or line.deferred or model is None or model.cache_read_price is None:
        return line
    tokens = line.tokens._replace(text=line.tokens.text - more, read=line.tokens.read + more)
    left = ratio(cost_on(model, tokens), cost_on(model, line.tokens))
    return line._replace(cost=line.cost * left, tokens=tokens)


def _commit(lines: Sequence[Line], data: Rollups, span: CoveredDays) -> List[Line]:
    """Commit to the tokens of quiet hours, model by model, where that is above the break-even.

    When calls are made does not change with the model that they are moved to.  Those that may
    wait have their discount already.
    """
    left = left_of_cost(data, span)
    return [
        line
        if line.deferred
        else line._replace(cost=line.cost * left.get((line.provider, line.model), 1.0))
        for line in lines
    ]


def _to_successor(lines: Sequence[Line], data: Rollups, span: CoveredDays) -> List[Line]:
    """Move from retired and legacy models to the successors that their providers name."""
    prices = ListPrices(data.prices)
    return [_on_successor(line, data, span, prices) for line in lines]


def _on_successor(line: Line, data: Rollups, span: CoveredDays, prices: ListPrices) -> Line:
    """Return a line on the successor of its model, if that is known to cost less."""
    model = retirement_of(line.provider, line.model, span.dates[-1])
    successor = data.prices.find(line.provider, model.successor) if model else None
    name = successor.name if successor else ""
    cost = cost_on_successor(prices, line.provider, (line.model, name), line.tokens, line.cost)
    if cost is None or line.deferred or cost >= line.cost:
        return line
    return line._replace(cost=cost, runs_on=successor)


STEPS: Tuple[Step, ...] = (
    Step("successor", "high", "low", _to_successor, changes_model=True),
    Step(
        "same_vendor_model",
        "medium",
        "low",
        _switch(lambda now, new: (new.provider, new.capability) == (now.provider, now.capability)),
        changes_model=True,
    ),
    Step(
        "same_class_model",
        "low",
        "medium",
        _switch(lambda now, new: new.capability == now.capability),
        changes_model=True,
    ),
    Step(
        "lower_class_model",
        "low",
        "medium",
        _switch(lambda now, new: True, lower=True),
        changes_model=True,
    ),
    Step(CACHING, "low", "medium", _cache),
    Step(BATCH, "medium", "medium", _defer),
    Step(COMMITMENT, "medium", "low", _commit, tables=(MODEL_HOURS,)),
)
SAVINGS_TABLES: Tuple[Table, ...] = (
    *(USAGE, MODEL_ERRORS),
    *(table for step in STEPS for table in step.tables),
)
MODEL_STEPS: Tuple[str, ...] = tuple(step.name for step in STEPS if step.changes_model)


# --- the allocation --------------------------------------------------------------------------


class Stage(NamedTuple):
    """The lines before and after one step, in the same order."""

    step: Step
    before: Sequence[Line]
    after: Sequence[Line]

    @property
    def saved(self) -> float:
        """What the step saves of the last 30 whole days, in USD."""
        return _cost(self.before) - _cost(self.after)


class Savings(NamedTuple):
    """The allocation: what was spent in the last 30 whole days, and each step on what was left."""

    span: CoveredDays
    lines: Sequence[Line]
    stages: Sequence[Stage]
    is_known: bool = True
    """whether anything is known of what the calls cost; where nothing is, no sum is given"""

    @property
    def left(self) -> Sequence[Line]:
        """The lines after all steps."""
        return self.stages[-1].after if self.stages else self.lines

    @property
    def total(self) -> Optional[float]:
        """What all steps save in USD per month; None under 7 covered days."""
        if not self.is_known:
            return None
        rates = [self.span.monthly_recent(stage.saved) for stage in self.stages]
        known = [rate for rate in rates if rate is not None]
        return math.fsum(known) if self.span.has_rates else None

    def of(self, *names: str) -> Optional[float]:
        """Return what some steps save in USD per month; None under 7 covered days."""
        if not self.is_known:
            return None
        return self.span.monthly_recent(
            math.fsum(stage.saved for stage in self.stages if stage.step.name in names)
        )

    def share_of(self, name: str) -> float:
        """Return which part of what the steps before it left one step saves, 0 to 1."""
        stages = [stage for stage in self.stages if stage.step.name == name]
        return ratio(
            math.fsum(stage.saved for stage in stages),
            math.fsum(_cost(stage.before) for stage in stages),
        )

    def steps(self) -> List[SavingsStep]:
        """Return the steps that save something, in order; none under 7 covered days."""
        rows = []
        cumulative = 0.0
        for stage in self.stages:
            monthly = self.span.monthly_recent(stage.saved)
            if monthly:
                cumulative += monthly
                rows.append(
                    SavingsStep(
                        step=stage.step.name,
                        monthly_savings=monthly,
                        cumulative=cumulative,
                        confidence=stage.step.confidence,
                        effort=stage.step.effort,
                    )
                )
        return rows

    def moves(self) -> List[ModelMove]:
        """Return where each step moves the calls of each model, step by step, the most first."""
        return [row for stage in self.stages for row in self._moves_of(stage)]

    def _moves_of(self, stage: Stage) -> List[ModelMove]:
        if not stage.step.changes_model:
            return []
        sums: Dict[Tuple[str, str, str, str], List[Tuple[int, float, float]]] = {}
        for line, after in zip(stage.before, stage.after):
            if after.runs_on and after.cost < line.cost:
                key = (line.provider, line.model, after.runs_on.provider, after.runs_on.name)
                sums.setdefault(key, []).append((line.calls, line.cost, after.cost))
        rows = [self._move(stage.step, key, parts) for key, parts in sums.items()]
        known = [row for row in rows if row is not None]
        return sorted(known, key=lambda r: (-r.monthly_savings, r[1:5]))

    def _move(
        self, step: Step, key: Tuple[str, str, str, str], parts: Sequence[Tuple[int, float, float]]
    ) -> Optional[ModelMove]:
        cost = math.fsum(before for _, before, _ in parts)
        saved = math.fsum(before - after for _, before, after in parts)
        monthly_cost = self.span.monthly_recent(cost)
        monthly_savings = self.span.monthly_recent(saved)
        if monthly_cost is None or monthly_savings is None:
            return None
        return ModelMove(
            step.name,
            *key,
            call_count=sum(calls for calls, _, _ in parts),
            monthly_cost=monthly_cost,
            monthly_savings=monthly_savings,
            savings_percent=percent_of(saved, cost),
        )

    def cachings(self) -> List[CachingOpportunity]:
        """Return what reading more from a cache saves by feature and model, the most first."""
        rows: Dict[Tuple[str, str, str], List[Tuple[Line, Line]]] = {}
        for stage in self.stages:
            if stage.step.name == CACHING:
                for line, after in zip(stage.before, stage.after):
                    if after.cost < line.cost:
                        key = (line.feature_id, line.provider, line.model)
                        rows.setdefault(key, []).append((line, after))
        added = [
            CachingOpportunity(
                *key,
                call_count=sum(line.calls for line, _ in pairs),
                hit_percent=_hit_percent(line for line, _ in pairs),
                reached_percent=_hit_percent(after for _, after in pairs),
                monthly_savings=self.span.monthly_recent(
                    math.fsum(line.cost - after.cost for line, after in pairs)
                )
                or 0.0,
            )
            for key, pairs in rows.items()
        ]
        return sorted(added, key=lambda r: (-r.monthly_savings, r[:3]))

    def batches(self) -> List[BatchOpportunity]:
        """Return what waiting for a batch saves by feature and task, the most first."""
        rows = [
            BatchOpportunity(
                feature_id=line.feature_id,
                task_type=line.task_type,
                call_count=line.calls,
                monthly_cost=self.span.monthly_recent(line.cost) or 0.0,
                monthly_savings=self.span.monthly_recent(line.cost - after.cost) or 0.0,
            )
            for stage in self.stages
            if stage.step.name == BATCH
            for line, after in zip(stage.before, stage.after)
        ]
        sums: Dict[Tuple[str, str], List[BatchOpportunity]] = {}
        for row in rows:
            if row.monthly_savings > 0:
                sums.setdefault((row.feature_id, row.task_type), []).append(row)
        added = [
            BatchOpportunity(
                *key,
                call_count=sum(part.call_count for part in parts),
                monthly_cost=math.fsum(part.monthly_cost for part in parts),
                monthly_savings=math.fsum(part.monthly_savings for part in parts),
            )
            for key, parts in sums.items()
        ]
        return sorted(added, key=lambda r: (-r.monthly_savings, r.feature_id, r.task_type))

    def switched(self) -> Dict[Work, float]:
        """Return what the changes of models save of the last 30 whole days, by work, in USD."""
        saved: Dict[Work, List[float]] = {}
        for stage in self.stages:
            if stage.step.changes_model:
                for line, after in zip(stage.before, stage.after):
                    saved.setdefault(work_of(line), []).append(line.cost - after.cost)
        return {key: math.fsum(parts) for key, parts in saved.items()}

    def left_share(self) -> Dict[Tuple[str, str], float]:
        """Return for each model which part of its cost is left after all steps, 0 to 1."""
        sums: Dict[Tuple[str, str], List[Tuple[float, float]]] = {}
        for line, left in zip(self.lines, self.left):
            if line.cost > 0:
                sums.setdefault((line.provider, line.model), []).append((line.cost, left.cost))
        return {
            key: math.fsum(left for _, left in parts) / math.fsum(cost for cost, _ in parts)
            for key, parts in sums.items()
        }


def lines_of(data: Rollups, dates: Collection[str]) -> List[Line]:
    """Return the calls of some dates in lines, by their key ascending; `data` holds `USAGE`.

    Tokens of failures that cost nothing are left out: they stay free on any model.
    """
    parts: Dict[Tuple[str, str, str, str, bool, bool], List[Tuple[float, ...]]] = {}
    for (day, *key, free, deferred), (calls, cost, *tokens) in data[USAGE].items():
        if day in dates:
            feature, task, provider, model, downgradable = key
            billed = [0] * len(tokens) if free else tokens
            line = (feature, task, provider, model, downgradable, deferred)
            parts.setdefault(line, []).append((cost, calls, *billed))
    return [_line(data, key, parts[key]) for key in sorted(parts)]


def savings_of(data: Rollups, span: CoveredDays, steps: Sequence[Step] = STEPS) -> Savings:
    """Return the allocation of savings; `data` holds `SAVINGS_TABLES`."""
    lines, failing = lines_of(data, set(span.recent)), failing_models(data)
    stages: List[Stage] = []
    for step in steps:
        before = stages[-1].after if stages else lines
        stages.append(
            Stage(step, before, _bounded(before, step.apply(before, data, span), failing))
        )
    known = known_cost(_cost(lines), data.totals.unpriced)
    return Savings(span, lines, stages, known is not None)


def _bounded(
    before: Sequence[Line], after: Sequence[Line], failing: Collection[Tuple[str, str]]
) -> List[Line]:
    """Return the lines after a step; no line costs more than before it, or less than nothing.

    Models of which every call failed are in none.
    """
    return [
        line if (line.provider, line.model) in failing else _within(line, new)
        for line, new in zip(before, after)
    ]


def _within(line: Line, new: Line) -> Line:
    return new if 0 <= new.cost <= line.cost else line._replace(deferred=new.deferred)


def _line(
    data: Rollups, key: Tuple[str, str, str, str, bool, bool], rows: Sequence[Tuple[float, ...]]
) -> Line:
    costs, *counts = zip(*rows)
    calls, *tokens = (int(sum(column)) for column in counts)
    model = data.prices.find(key[2], key[3])
    return Line(*key, calls, math.fsum(costs), classes_of(tokens), model)


def _hit_percent(lines: Iterable[Line]) -> float:
    """Return which part of the input of lines was read from a cache, in percent."""
    listed = list(lines)
    return percent_of(sum(line.tokens.read for line in listed), sum(map(inputs_of, listed)))


def _cost(lines: Iterable[Line]) -> float:
    return math.fsum(line.cost for line in lines)
