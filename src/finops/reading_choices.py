"""How data was asked to be read, as text: what flags say, a manifest keeps and a job is given.

Nothing here is interpreted; `commands.reading` does that.  Paths are absolute, so that the
choices mean the same in whatever folder a program runs.
"""

from __future__ import annotations

from typing import List, NamedTuple, Tuple


class ReadingChoices(NamedTuple):
    """The reading options of one run; () and "" where nothing was given.

    `data`: paths, patterns or addresses.  `columns`: `FIELD=COLUMN`, one in
    each.  `prices`: files of which
    the later ones win.  `timezone`, `input_timezone`, `since`, `until`: as given.  `rates`:
    `EUR=1.08`.  `config`: the configuration file.  `events`: the file of events that charts mark.
    """

    data: Tuple[str, ...] = ()
    columns: Tuple[str, ...] = ()
    prices: Tuple[str, ...] = ()
    timezone: str = ""
    input_timezone: str = ""
    since: str = ""
    until: str = ""
    rates: Tuple[str, ...] = ()
    config: str = ""
    events: str = ""

    def over(self, others: ReadingChoices) -> ReadingChoices:
        """Return these choices, and the others' where nothing was given here; of columns and
        rates those of other fields and currencies stay.

        >>> ReadingChoices(since="2026-01-01").over(ReadingChoices(since="2025", until="2027"))[5:7]
        ('2026-01-01', '2027')
        >>> ReadingChoices(rates=("EUR=2",)).over(ReadingChoices(rates=("EUR=1", "GBP=3"))).rates
        ('GBP=3', 'EUR=2')
        """
        given = {name: value for name, value in self._asdict().items() if value}
        given["columns"] = _over(self.columns, others.columns)
        given["rates"] = _over(self.rates, others.rates)
        return others._replace(**given)

    def words(self) -> List[str]:
        """Return the flags of a command that say the same, without `--data`.

        >>> ReadingChoices(timezone="-05:00", rates=("EUR=1.08",)).words()
        ['--timezone=-05:00', '--rate=EUR=1.08']
        """
        several = (("--map", self.columns), ("--prices", self.prices), ("--rate", self.rates))
        single = (
            ("--timezone", self.timezone),
            ("--input-timezone", self.input_timezone),
            ("--since", self.since),
            ("--until", self.until),
            ("--config", self.config),
            ("--events", self.events),
        )
        words = [f"{flag}={value}" for flag, value in single if value]
        return words + [f"{flag}={value}" for flag, values in several for value in values]


def _over(own: Tuple[str, ...], others: Tuple[str, ...]) -> Tuple[str, ...]:
    """Return `NAME=VALUE` words: the others' of names that are not among our own, then our own."""
    names = {_name(word) for word in own}
    return (*(word for word in others if _name(word) not in names), *own)


def _name(word: str) -> str:
    return word.partition("=")[0].strip().lower()
