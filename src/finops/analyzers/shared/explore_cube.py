"""The cube of the Explore page: all calls, by all that a reader can filter, within a bound.

Few datasets have more cells than a page can hold.  Those that do are grouped step by step until
they fit: first days that are long past, then customers of little cost, then organizations, then
all days, and at last whatever has a name.  The last step has a bound of its own, so that there is a
cube of any dataset.  Sums stay exact in any step.
"""

from __future__ import annotations

from datetime import date
from typing import (
    AbstractSet,
    Any,
    Callable,
    Dict,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
)

from finops.analyzers.shared.covered_days import HOURLY_CALLS, covered_days
from finops.analyzers.shared.token_prices import FREE_FAILURE
from finops.business.prices import PriceTable
from finops.business.rates import Conditions
from finops.results.explore import (
    CELL_MEASURES,
    FIRST_TOKENS,
    Account,
    Bucket,
    ExploreCube,
    Model,
    Work,
)
from finops.rollups.cache_sources import CACHE_SOURCES, CacheSources
from finops.rollups.cells import compact
from finops.rollups.coarsening import CoarseGroups, Coarsening
from finops.rollups.protocol import CallDataset
from finops.rollups.spec import Key, Rollups, Table
from finops.timestamps import date_of

# Cells that a page can hold: what else it needs of bytes is up to the page that packs them.
MOST_CELLS = 280_000
RECENT_DAYS = 92
# Groups that are looked at for each cell that there may be.  Calls that failed and cost nothing are
# groups of their own within cells; where they are in more cells than this, a coarser cube is
# taken.  Twice as many would always do, but most steps that do not fit would be made in vain.
_GROUPS_PER_CELL = 1.15

CELLS = Table(
    (
        "day",
        "customer_id",
        "organization_id",
        "product_id",
        "provider",
        "model",
        "feature_id",
        "task_type",
        "environment",
        FREE_FAILURE,
    ),
    (
        "cost",
        "calls",
        "errors",
        "unpriced",
        "status_known",
        "calls_unknown",
        "input_tokens",
        "output_tokens",
        "cached_input_tokens",
        "cache_write_tokens",
        "cache_write_1h_tokens",
        "reasoning_tokens",
    ),
)
_CALLS, _STATUS = CELL_MEASURES.index("calls"), CELL_MEASURES.index("unknown_status")
_SPENDERS = Table(("customer_id", "organization_id"), ("cost",))
# The names that are grouped last, and what tells which of them cost most.
_NAMES: Mapping[str, Table] = {
    name: Table((name,), ("cost",))
    for name in ("product_id", "feature_id", "environment", "provider")
}
_MODELS = Table(("provider", "model"), ("cost",))
EXPLORE_TABLES: Tuple[Table, ...] = (
    *(CELLS, _SPENDERS, CACHE_SOURCES, HOURLY_CALLS, _MODELS),
    *_NAMES.values(),
)

# Costs come in 10**-12 USD; a browser adds up whole numbers below 2**53 exactly.
_FINEST = 12
_COARSEST = 6
_MOST = 2**53


_Name = TypeVar("_Name", str, Key)  # of one dimension, or of several together


class _Step(NamedTuple):
    """What is grouped: days ("" not at all, else a key of `_BUCKETS`), and all but so many names.

    `others` are providers, models, products, features and environments, of each so many.
    """

    days: str = ""
    customers: Optional[int] = None
    organizations: Optional[int] = None
    others: Optional[int] = None


_STEPS: Tuple[_Step, ...] = (
    _Step(),
    _Step("recent"),
    _Step("recent", 1000),
    _Step("recent", 200),
    _Step("recent", 100),
    _Step("recent", 100, 50),
    _Step("all", 100, 50),
    _Step("all", 20, 10),
    _Step("all", 20, 10, 20),
    _Step("years", 20, 10, 20),
    # At most 6 customers × 6 organizations × 5 products × 9 models, some of them all others of a
    # provider, × 5 features × 5 environments, whatever the calls are.
    _Step("whole", 5, 5, 4),
)
# Of how many characters of a date the days of a bucket have the first ones in common.
_BUCKETS: Mapping[str, int] = {"": 10, "recent": 7, "all": 7, "years": 4, "whole": 0}
_GROUPED_DAYS: Mapping[str, str] = {
    "all": "Days are grouped by month.",
    "years": "Days are grouped by year.",
    "whole": "All days are grouped.",
}


def explore_cubes(
    source: CallDataset, most: int = MOST_CELLS, all_named: bool = True
) -> Iterator[ExploreCube]:
    """Yield the cube of all calls, then ever coarser ones of them, none of more than `most` cells.

    Without `all_named` it begins with those that group the customers of little cost.  Raises
    DataError where the calls cannot be read.
    """
    data = source.rollups((_SPENDERS, CACHE_SOURCES, HOURLY_CALLS, _MODELS, *_NAMES.values()))
    before: Optional[_Grouping] = None
    for step in _STEPS:
        if step.customers is None and not all_named:
            continue
        grouping = _grouping(data, step)
        if grouping == before:  # there are not so many days or names that it groups any
            continue
        before = grouping
        cube = _cube_of(source, data, step, grouping, most)
        if cube is not None and len(cube.keys) <= most:
            yield cube
        del cube  # before the next one takes its memory


class _Grouping(NamedTuple):
    """The buckets of days, and the names that are kept, None where all are.

    `models` are (provider, model).  `strict`: tasks, by which a reader cannot filter, are one, and
    organizations are grouped of whichever customer they are.
    """

    buckets: Sequence[Bucket]
    customers: Optional[AbstractSet[str]]
    organizations: Optional[AbstractSet[str]]
    providers: Optional[AbstractSet[str]] = None
    models: Optional[AbstractSet[Key]] = None
    products: Optional[AbstractSet[str]] = None
    features: Optional[AbstractSet[str]] = None
    environments: Optional[AbstractSet[str]] = None
    strict: bool = False


def _grouping(data: Rollups, step: _Step) -> _Grouping:
    buckets = buckets_of(data.period.dates(), step.days)
    grouping = _Grouping(buckets, *_kept_names(data, step))
    if step.others is None:
        return grouping
    by_name = [
        {name: cost for (name,), (cost,) in data[table].items()} for table in _NAMES.values()
    ]
    products, features, environments, providers = (
        _largest(costs, step.others) for costs in by_name
    )
    models = _largest({key: cost for key, (cost,) in data[_MODELS].items()}, step.others)
    return grouping._replace(
        providers=providers,
        models=models,
        products=products,
        features=features,
        environments=environments,
        strict=True,
    )


def _cube_of(
    source: CallDataset, data: Rollups, step: _Step, grouping: _Grouping, most: int
) -> Optional[ExploreCube]:
    """Return the cube of a step, None where it has too many groups for `most` cells."""
    coarsening = Coarsening(
        _bucket_of(grouping.buckets).__getitem__,
        _account_of(grouping),
        _call_of(grouping),
    )
    # A cell without free failures and one with them become one.
    groups = source.coarse(CELLS, coarsening, round(most * _GROUPS_PER_CELL))
    return None if groups is None else _cube(groups, grouping.buckets, data, source.prices, step)


def buckets_of(days: Sequence[str], grouped: str = "") -> List[Bucket]:
    """Return consecutive days as buckets: each its own, or whole months of "all" days or of
    those before the last ones ("recent"), from the first of a month on; or whole "years", or the
    "whole" of them.

    >>> buckets_of(["2025-01-30", "2025-01-31", "2025-02-01"], "all")
    [Bucket(first='2025-01-30', days=2), Bucket(first='2025-02-01', days=1)]
    >>> buckets_of(["2024-12-31", "2025-01-01", "2025-01-02"], "years")
    [Bucket(first='2024-12-31', days=1), Bucket(first='2025-01-01', days=2)]
    """
    if not days:
        return []
    first_single = days[0]
    if grouped == "recent":
        first_single = days[max(0, len(days) - RECENT_DAYS)][:8] + "01"
    shared = _BUCKETS[grouped]
    buckets: List[Bucket] = []
    for day in days:
        single = not grouped or (grouped == "recent" and day >= first_single)
        if buckets and not single and buckets[-1].first[:shared] == day[:shared]:
            buckets[-1] = buckets[-1]._replace(days=buckets[-1].days + 1)
        else:
            buckets.append(Bucket(day, 1))
    return buckets


def _bucket_of(buckets: Sequence[Bucket]) -> Dict[str, str]:
    """Return {day: the first day of its bucket}."""
    days: Dict[str, str] = {}
    for bucket in buckets:
        first = date_of(bucket.first).toordinal()
        for ordinal in range(first, first + bucket.days):
            days[date.fromordinal(ordinal).isoformat()] = bucket.first
    return days


def _kept_names(
    data: Rollups, step: _Step
) -> Tuple[Optional[AbstractSet[str]], Optional[AbstractSet[str]]]:
    """Return the customers and the organizations that keep their names, None where all do."""
    spend: Dict[str, float] = {}
    billed: Dict[str, float] = {}
    for (customer, organization), (cost,) in data[_SPENDERS].items():
        spend[customer] = spend.get(customer, 0.0) + cost
        billed[organization] = billed.get(organization, 0.0) + cost
    customers = _largest(spend, step.customers)
    organizations = _largest(billed, step.organizations)
    if customers is not None and organizations is not None and step.others is None:
        # Else an organization that is shown would hold a part of its calls only.
        organizations |= {o for c, o in data[_SPENDERS] if c in customers}
    return customers, organizations


def _largest(amounts: Mapping[_Name, float], count: Optional[int]) -> Optional[AbstractSet[_Name]]:
    if count is None or len(amounts) <= count:
        return None
    ranked = sorted(amounts.items(), key=lambda item: (-item[1], item[0]))
    return {name for name, _ in ranked[:count]}


def _account_of(grouping: _Grouping) -> Callable[[Tuple[Any, ...]], Tuple[Any, ...]]:
    """Return what makes the kept names of (customer, organization, product)."""
    customers, organizations = grouping.customers, grouping.organizations

    def merge(names: Tuple[Any, ...]) -> Tuple[Any, ...]:
        customer, organization, product = names
        if customers is not None and customer not in customers:
            customer = None
        if customer is None or grouping.strict:
            organization = _kept(organization, organizations)
        return customer, organization, _kept(product, grouping.products)

    return merge


def _call_of(grouping: _Grouping) -> Callable[[Tuple[Any, ...]], Tuple[Any, ...]]:
    """Return what makes the kept names of the dimensions of a call in `CELLS`."""

    def merge(names: Tuple[Any, ...]) -> Tuple[Any, ...]:
        provider, model, feature, task, environment, is_free = names
        if grouping.models is not None and (provider, model) not in grouping.models:
            model = None
        provider = _kept(provider, grouping.providers)
        return (
            provider,
            None if provider is None else model,
            _kept(feature, grouping.features),
            None if grouping.strict else task,
            _kept(environment, grouping.environments),
            is_free,
        )

    return merge


def _kept(name: Any, kept: Optional[AbstractSet[str]]) -> Any:
    return name if kept is None or name in kept else None


class _Cells(NamedTuple):
    """Keys of cells and their sums of `CELL_MEASURES`, a column for each."""

    keys: Sequence[int]
    sums: Sequence[Sequence[int]]


def _cells(groups: CoarseGroups, keys: Sequence[int]) -> _Cells:
    """Return groups as cells in order of their keys; free failures join the others."""
    is_free = [call[-1] for call in groups.calls]
    firsts: List[int] = []  # the first group of each cell
    joining: List[Tuple[int, int]] = []  # cells, and groups that are added to their first ones
    free: List[Tuple[int, int]] = []  # cells, and groups of free failures
    for group in sorted(range(len(keys)), key=keys.__getitem__):
        if firsts and keys[group] == keys[firsts[-1]]:
            joining.append((len(firsts) - 1, group))
        else:
            firsts.append(group)
        if is_free[groups.call_at[group]]:
            free.append((len(firsts) - 1, group))

    def of_cells(column: Sequence[int]) -> Sequence[int]:
        sums = [column[group] for group in firsts]
        for cell, group in joining:
            sums[cell] += column[group]
        return compact(sums)

    def of_free(column: Sequence[int]) -> Sequence[int]:
        sums = [0] * len(firsts)
        for cell, group in free:
            sums[cell] += column[group]
        return compact(sums)

    given = list(groups.sums)
    # Calls without those of known status; nearly always none, which takes no room.
    given[_STATUS] = [calls - known for calls, known in zip(given[_CALLS], given[_STATUS])]
    columns = [*map(of_cells, given), *map(of_free, given[FIRST_TOKENS:])]
    return _Cells(compact(keys[group] for group in firsts), columns)


def _cube(
    groups: CoarseGroups,
    buckets: Sequence[Bucket],
    data: Rollups,
    prices: PriceTable,
    step: _Step,
) -> ExploreCube:
    accounts = sorted(map(Account._make, groups.customers), key=_others_last)
    models = sorted({call[:2] for call in groups.calls}, key=_others_last)
    work = list(map(Work._make, sorted({call[2:4] for call in groups.calls}, key=_others_last)))
    environments = [
        name for (name,) in sorted({call[4:5] for call in groups.calls}, key=_others_last)
    ]
    model_at, work_at, environment_at = _places(models), _places(work), _places(environments)
    of_calls = [
        ((work_at[call[2:4]] * len(environments) + environment_at[call[4]]) * len(models)
         + model_at[call[:2]]) * len(buckets)
        for call in groups.calls
    ]  # fmt: skip
    scale = len(work) * len(environments) * len(models) * len(buckets)
    account_at = _places(accounts)
    of_accounts = [account_at[names] * scale for names in groups.customers]
    bucket_at = {bucket.first: place for place, bucket in enumerate(buckets)}
    of_times = [bucket_at[first] for first in groups.times]
    keys = compact(
        of_accounts[customer] + of_calls[call] + of_times[time]
        for customer, call, time in zip(groups.customer_at, groups.call_at, groups.time_at)
    )
    cells = _cells(groups, keys)
    decimals, rounded = _decimals_of(cells.sums[0])
    whole = covered_days(data).whole
    spenders = list(data[_SPENDERS])
    caches = CacheSources(data[CACHE_SOURCES])
    cube = ExploreCube(
        buckets=buckets,
        accounts=accounts,
        work=work,
        environments=environments,
        models=[Model(provider, name, _rates(prices, provider, name)) for provider, name in models],
        keys=cells.keys,
        sums=[compact(_in_unit(cost, decimals) for cost in cells.sums[0]), *cells.sums[1:]],
        decimals=decimals,
        rounded=rounded,
        whole_days=(whole[0], whole[-1]) if whole else ("", ""),
        cache_is_known=bool(caches.reporting) and not caches.unknown_input_tokens,
        customers=len({customer for customer, _ in spenders}),
        organizations=len({organization for _, organization in spenders}),
        grouped=(),
    )
    return cube._replace(grouped=_sentences(cube, step))


def _others_last(names: Sequence[Optional[str]]) -> List[Tuple[bool, str]]:
    """Order names one after the other; those that stand for all that were grouped come last."""
    return [(name is None, name or "") for name in names]


def _places(names: Sequence[Any]) -> Dict[Any, int]:
    return {name: place for place, name in enumerate(names)}


def _decimals_of(costs: Sequence[int]) -> Tuple[int, bool]:
    """Return the fewest decimals, six to twelve, in which all costs are whole, and False.

    Where their sum would be too large for a browser it is six decimals or fewer, and True.
    """
    total = sum(map(abs, costs))
    for decimals in range(_COARSEST, _FINEST + 1):
        unit = 10 ** (_FINEST - decimals)
        if all(cost % unit == 0 for cost in costs) and total // unit < _MOST:
            return decimals, False
    decimals = _FINEST
    while total // 10 ** (_FINEST - decimals) >= _MOST // 2:
        decimals -= 1
    return decimals, decimals < _FINEST


def _in_unit(cost: int, decimals: int) -> int:
    unit: int = 10 ** (_FINEST - decimals)
    return (2 * cost + unit) // (2 * unit)


def _rates(
    prices: PriceTable, provider: Optional[str], model: Optional[str]
) -> Optional[Sequence[Optional[float]]]:
    """Return the list price of each class of tokens in USD, None where there is not just one."""
    if provider is None or model is None:
        return None
    rates = prices.rates_of(provider, model)
    if len(rates) != 1:
        return None
    tariff = rates[0].tariff(Conditions())
    if tariff is None:
        return None
    return [None if price is None else price / tariff.denominator for price in tariff.numerators]


def _sentences(cube: ExploreCube, step: _Step) -> List[str]:
    """Return what was grouped, in sentences for the page."""
    said = []
    if any(bucket.days > 1 for bucket in cube.buckets):
        first = next((bucket.first for bucket in cube.buckets if bucket.days == 1), "")
        said.append(
            f"Days before {first} are grouped by month."
            if step.days == "recent"
            else _GROUPED_DAYS[step.days]
        )
    customers = {account.customer for account in cube.accounts}
    if None in customers:
        said.append(
            f"The {len(customers) - 1:,} customers with the highest cost are named; all others "
            "are grouped."
        )
    organizations = {account.organization for account in cube.accounts}
    if None in organizations:
        said.append(f"{len(organizations) - 1:,} organizations are named; all others are grouped.")
    others: Dict[str, AbstractSet[Tuple[Optional[str], ...]]] = {
        "providers": {(model.provider,) for model in cube.models},
        "models": {(model.provider, model.name) for model in cube.models},
        "products": {(account.product,) for account in cube.accounts},
        "features": {(work.feature,) for work in cube.work},
        "environments": {(environment,) for environment in cube.environments},
    }
    for what, names in others.items():
        named = sum(None not in name for name in names)
        if named < len(names):
            said.append(f"{named:,} {what} are named; all others are grouped.")
    return said
