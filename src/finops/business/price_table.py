"""The models whose prices are known: how a price is found, and what a call costs.

A model is priced by an entry of its own provider only, or by one that names no provider.  Of
several tables the later wins.  Where entries that fit equally well give a call different costs,
it stays unpriced: the name does not say which one applies.
"""

from __future__ import annotations

from fractions import Fraction
from typing import (
    Any,
    Dict,
    FrozenSet,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from finops.business import rates as names_of
from finops.business.model import CLASSES, Model
from finops.business.names import GATEWAYS, SERVED_BY, Seller, behind_gateway, seller_of, spellings
from finops.business.rates import FREE_TIERS, Conditions, Rates
from finops.business.usage import Usage

_PER_1K = 1000


class Entry(NamedTuple):
    """What one table says of one name.

    `key` and `provider` are as the table writes them; `since` is the first day of its prices, ""
    for all days before the next entry.  `prices`: pairs of a name (see `rates`) and USD per
    `per` tokens.  `layer`: which of several tables it is from, later ones being higher.
    """

    key: str
    provider: str
    since: str
    per: int
    prices: Tuple[Tuple[str, float], ...]
    capability: str = ""
    speed: float = 1.0
    layer: int = 0


class Listing:
    """All entries of one table for one name of one seller, by the day from which they hold."""

    def __init__(self, seller: Seller, entry: Entry, model: Optional[Model]) -> None:
        self.seller = seller
        self.layer = entry.layer
        self.key = entry.key
        self._dated: List[Tuple[str, Entry, Optional[Model]]] = [(entry.since, entry, model)]
        self._rates: Dict[str, Rates] = {}

    def add(self, other: Listing) -> None:
        """Take over the entries of other days."""
        since = {day: (day, entry, model) for day, entry, model in [*self._dated, *other._dated]}
        self._dated = [since[day] for day in sorted(since)]

    @property
    def changes(self) -> bool:
        """Whether prices depend on the day."""
        return len(self._dated) > 1 or self._dated[0][0] != ""

    def rates(self, day: str) -> Optional[Rates]:
        """Return the prices of a day ("" for the latest), None before the first."""
        known = self._dated if not day else [dated for dated in self._dated if dated[0] <= day]
        if not known:
            return None
        since, entry, _ = known[-1]
        if since not in self._rates:
            self._rates[since] = Rates(dict(entry.prices), entry.per, self.seller.provider)
        return self._rates[since]

    def context_limits(self) -> FrozenSet[int]:
        """Return from how many tokens of context on any long-context price of any day holds."""
        dated = [
            Rates(dict(entry.prices), entry.per, self.seller.provider).context_limits
            for _, entry, _ in self._dated
            if any(names_of.ABOVE in name for name, _ in entry.prices)
        ]
        return frozenset(limit for limits in dated for limit in limits)

    def token_prices(self) -> FrozenSet[Tuple[str, float]]:
        """Return the latest prices per token, by name."""
        _, entry, _ = self._dated[-1]
        return frozenset(pair for pair in entry.prices if names_of.is_token_price(pair[0]))

    def model(self) -> Optional[Model]:
        """Return the model at its latest prices; None unless input and output have one."""
        since, entry, model = self._dated[-1]
        if model is None:
            model = _model_of(entry, self.seller.provider)
            self._dated[-1] = (since, entry, model)
        return model


# How an entry is listed under a name: that is its key, what follows its provider in the key, or
# what follows the catalogue's word for who serves it.
_BY_NAME, _BY_PATH, _WITHIN = _FORMS = (0, 1, 2)


class Place(NamedTuple):
    """An entry under one of its names."""

    listing: Listing
    form: int


class PriceTable:
    """The models whose prices are known, with where the prices come from.

    `source` and `date` are printed on reports.  Iterating yields the models that have a price
    for input and output, each provider's once by name, at their latest prices.
    """

    def __init__(
        self,
        models: Iterable[Model],
        source: str = "",
        date: str = "",
        entries: Iterable[Entry] = (),
    ) -> None:
        self.source = source
        self.date = date
        self._models = tuple(models)
        self._entries = tuple(entries)
        self._listings: Dict[str, List[Place]] = {}
        self._sellers: Dict[str, Seller] = {}
        self._found: Dict[Tuple[str, str], List[Listing]] = {}
        self._offered: Optional[List[Model]] = None
        self._index()

    # --- what the analyses ask ---------------------------------------------------------------

    def __iter__(self) -> Iterator[Model]:
        if self._offered is None:
            self._offered = list(self._offers())
        return iter(self._offered)

    def find(self, provider: str, name: str) -> Optional[Model]:
        """Return the model at its latest prices, or None where they are not known for certain."""
        models = [listing.model() for listing in self._fitting(provider, name)]
        first = models[0] if models else None
        if first is None or any(other is None or not _same(first, other) for other in models):
            return None
        return first

    def alternatives(self, model: Model, downgradable: bool) -> List[Model]:
        """Return the models that may replace `model`: its own class, or one class lower
        where the task tolerates it (`downgradable`).  The model itself is not among them; a
        model of no known class has none.
        """
        if model.capability not in CLASSES:
            return []
        rank = CLASSES.index(model.capability)
        allowed = CLASSES[rank : rank + 2] if downgradable else CLASSES[rank : rank + 1]
        return [m for m in self if m.capability in allowed and m is not model]

    def cheapest(self) -> Model:
        """Return the model with the lowest blended price (ties: first provider, then name).

        Models of a known class come first: among the others are local and trial models that
        cost nothing.  Raises ValueError where no model has a price.
        """
        rated = [model for model in self if model.capability in CLASSES]
        return min(rated or self, key=lambda m: (m.blended_price_per_1m, m.provider, m.name))

    # --- what a call costs -------------------------------------------------------------------

    def price_of(self, usage: Usage) -> Optional[Fraction]:
        """Return what a call costs in USD, exactly; None where it is not known.

        A call of nothing costs nothing, whatever its model.
        """
        tier = usage.service_tier.strip().lower()
        classes = usage.classes()
        if tier in FREE_TIERS or not (any(classes) or usage.web_searches):
            return Fraction(0)
        fast = "fast" in (tier, usage.speed.strip().lower())
        conditions = Conditions(tier, usage.context, usage.region.strip().lower(), fast)
        costs = {
            _cost(rates, conditions, classes, usage.web_searches)
            for rates in self.rates_of(usage.provider, usage.model, usage.day)
        }
        return costs.pop() if len(costs) == 1 else None

    def rates_of(self, provider: str, model: str, day: str = "") -> List[Rates]:
        """Return the prices that fit a model on a day, one for each entry that fits as well as
        any other; none where it has no price.
        """
        fitting = [listing.rates(day) for listing in self._fitting(provider, model)]
        known = [rates for rates in fitting if rates is not None]
        return known if len(known) == len(fitting) else []

    def keys_of(self, provider: str, model: str) -> Tuple[str, ...]:
        """Return the names in the table of all entries that fit a model equally well.

        Where there are several, a call is priced only if they agree on its cost.
        """
        return tuple(listing.key for listing in self._fitting(provider, model))

    def conflict(self, provider: str, model: str) -> Tuple[str, ...]:
        """Return the names in the table of entries that fit a model equally well and disagree."""
        fitting = self._fitting(provider, model)
        different = {listing.token_prices() for listing in fitting}
        return tuple(listing.key for listing in fitting) if len(different) > 1 else ()

    def provider_of(self, model: str) -> str:
        """Return the provider of a model's entries, "" unless it is the only one."""
        sold_by = {listing.seller.provider for listing in self._fitting("", model)}
        return sold_by.pop() if len(sold_by) == 1 else ""

    def changes(self, provider: str, model: str) -> bool:
        """Return whether the price of a model depends on the day of a call."""
        return any(listing.changes for listing in self._fitting(provider, model))

    def context_limits(self) -> Tuple[int, ...]:
        """Return from how many tokens of context on prices of any model change, ascending."""
        listings = (place.listing for places in self._listings.values() for place in places)
        return tuple(sorted({limit for one in listings for limit in one.context_limits()}))

    @property
    def has_dates(self) -> bool:
        """Whether any price holds from a certain day on; if not, all hold for all time."""
        return any(p.listing.changes for places in self._listings.values() for p in places)

    # --- as data -----------------------------------------------------------------------------

    @property
    def content(self) -> Tuple[Tuple[Model, ...], Tuple[Entry, ...]]:
        """All that prices depend on: two tables of equal content give equal costs."""
        return self._models, self._entries

    def plain(self) -> Dict[str, object]:
        """Return all that look-ups depend on, as JSON has it."""
        return {
            "source": self.source,
            "date": self.date,
            "models": [list(model) for model in self._models],
            "entries": [list(entry) for entry in self._entries],
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> PriceTable:
        """Return the table that JSON made of one."""
        models = [
            Model(*model)._replace(further=_pairs(model[Model._fields.index("further")]))
            for model in plain["models"]
        ]
        entries = [
            Entry(*entry)._replace(prices=_pairs(entry[Entry._fields.index("prices")]))
            for entry in plain["entries"]
        ]
        return cls(models, str(plain["source"]), str(plain["date"]), entries)

    def over(self, earlier: PriceTable) -> PriceTable:
        """Return the entries of both tables, of which these win."""
        below = earlier._as_entries()
        lowest = 1 + max((entry.layer for entry in below), default=0)
        above = [entry._replace(layer=entry.layer + lowest) for entry in self._as_entries()]
        source = f"{earlier.source}, then {self.source}"
        return PriceTable((), source, max(earlier.date, self.date), [*below, *above])

    def _as_entries(self) -> List[Entry]:
        return [*map(_entry_of, self._models), *self._entries]

    # --- the index ---------------------------------------------------------------------------

    def _index(self) -> None:
        for model in self._models:
            self._list(_entry_of(model), model)
        for entry in self._entries:
            self._list(entry, None)

    def _list(self, entry: Entry, model: Optional[Model]) -> None:
        key = entry.key.lower()
        path = key.partition("/")[0] if "/" in key else ""
        seller = self._seller(entry.provider or path)
        own_path = bool(path) and self._seller(path).provider == seller.provider
        listing = Listing(seller, entry, model)
        self._put(key, Place(listing, _BY_NAME))
        if own_path:
            self._put(key[len(path) + 1 :], Place(listing, _BY_PATH))
        served = SERVED_BY.get(seller.provider, "")
        if served and key.startswith(served):
            self._put(key[len(served) :], Place(listing, _WITHIN))

    def _put(self, name: str, place: Place) -> None:
        """List an entry under a name; where its table has two, by the order of look-ups."""
        new, form = place
        places = self._listings.setdefault(name, [])
        for n, (old, old_form) in enumerate(places):
            if (old.seller, old.layer) == (new.seller, new.layer):
                if old.key == new.key:
                    old.add(new)
                elif _prefers(new.seller, form, old_form):
                    places[n] = place
                return
        places.append(place)

    def _seller(self, text: str) -> Seller:
        seller = self._sellers.get(text)
        if seller is None:
            seller = self._sellers[text] = seller_of(text)
        return seller

    def _fitting(self, provider: str, model: str) -> List[Listing]:
        key = (provider, model)
        if key not in self._found:
            self._found[key] = self._look_up(self._seller(provider), model.strip().lower())
        return self._found[key]

    def _look_up(self, seller: Seller, model: str) -> List[Listing]:
        """Return the listings that fit a model best: the first spelling that is listed."""
        if seller.provider in GATEWAYS:
            seller = self._seller(behind_gateway(model))
            if not seller.is_known:
                return []
        best = _best(self._listings.get(model, ()), seller)
        if best:
            return best
        path, slash, rest = model.partition("/")
        if slash and seller.is_known and self._seller(path).provider == seller.provider:
            own = self._seller(path)
            seller = own if seller.channel == seller.provider else seller
            model = rest
        for name in spellings(model):
            best = _best(self._listings.get(name, ()), seller)
            if best:
                return best
        return []

    def _offers(self) -> Iterator[Model]:
        listed = [place.listing for places in self._listings.values() for place in places]
        seen = set()
        for listing in listed:
            model = listing.model()
            name = None if model is None else (model.provider, model.name)
            if name is not None and name not in seen:
                seen.add(name)
                offered = self.find(*name)
                if offered is not None:
                    yield offered


def _prefers(seller: Seller, form: int, other: int) -> bool:
    """Return whether one form of a name goes before another of the same seller."""
    order = (_BY_PATH, _BY_NAME, _WITHIN) if seller.provider == "azure" else _FORMS
    return order.index(form) < order.index(other)


def _best(places: Sequence[Place], seller: Seller) -> List[Listing]:
    """Return the listings of the latest table that fit a seller; those of its own door first.

    Where the provider is not known, a name means the entry of that name, not one in which it
    stands behind another provider's.
    """
    if not seller.is_known:
        form = min((place.form for place in places), default=_WITHIN)
        fits = [place.listing for place in places if place.form == form < _WITHIN]
        return _of_latest_table(fits)
    sold_by = (seller.provider, "")
    fits = _of_latest_table([p.listing for p in places if p.listing.seller.provider in sold_by])
    for channel in (seller.channel, seller.provider):
        same_door = [one for one in fits if one.seller.channel == channel]
        if same_door:
            return same_door
    return [one for one in fits if one.seller.provider] or fits


def _of_latest_table(listings: List[Listing]) -> List[Listing]:
    latest = max((listing.layer for listing in listings), default=0)
    return [listing for listing in listings if listing.layer == latest]


def _cost(
    rates: Rates, conditions: Conditions, classes: Sequence[int], searches: int
) -> Optional[Fraction]:
    tariff = rates.tariff(conditions)
    tokens = None if tariff is None else tariff.cost(classes)
    fee = rates.web_search if searches else Fraction(0)
    return None if tokens is None or fee is None else tokens + searches * fee


def _same(model: Model, other: Model) -> bool:
    return (model.input_price, model.output_price) == (other.input_price, other.output_price)


def _pairs(plain: Any) -> Tuple[Tuple[str, float], ...]:
    return tuple((str(name), price) for name, price in plain)


def _entry_of(model: Model) -> Entry:
    known = tuple(model.prices().items())
    return Entry(
        model.name, model.provider, model.since, _PER_1K, known, model.capability, model.speed
    )


def _model_of(entry: Entry, provider: str) -> Optional[Model]:
    """Return an entry as analyses compare models."""
    prices = dict(entry.prices)
    if names_of.INPUT not in prices or names_of.OUTPUT not in prices:
        return None
    factor = Fraction(_PER_1K, entry.per)

    def per_1k(name: str) -> Optional[float]:
        # By way of exact numbers: 3e-07 × 1000 is not 0.0003 in binary.
        return float(Fraction(repr(prices[name])) * factor) if name in prices else None

    return Model(
        provider,
        entry.key.rsplit("/", 1)[-1],
        per_1k(names_of.INPUT) or 0.0,
        per_1k(names_of.OUTPUT) or 0.0,
        entry.capability,
        share=0,
        speed=entry.speed,
        cache_read_price=per_1k(names_of.CACHE_READ),
        cache_write_price=per_1k(names_of.CACHE_WRITE),
        cache_write_1h_price=per_1k(names_of.CACHE_WRITE_1H),
        search_price=prices.get(names_of.WEB_SEARCH),
        since=entry.since,
    )
