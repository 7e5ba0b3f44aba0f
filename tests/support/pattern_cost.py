"""Whether a regular expression can take more than linear time, told from its structure.

A pattern becomes an automaton with one state a character set (Glushkov's), in which a match is
a path.  A backtracking matcher tries path after path, so its time is linear if and only if the
number of paths that read one text is bounded.  By the criterion of Weber and Seidl (1991) it is
not where

- one state is reached from itself over two different paths that read the same text, or
- a text leads from a state p to itself, from p to another state q, and from q to itself.

A search tries each place of a text, which is one more state before the first that loops over
everything.  Paths count only where a match can still fail: a search that has reached the end of
its pattern succeeds, whatever follows.
"""

from __future__ import annotations

import re
import sys
import warnings
from typing import Any, Dict, FrozenSet, Iterable, List, NamedTuple, Set, Tuple

if sys.version_info >= (3, 11):
    from re import _parser as parser
else:  # the same modules under their old names
    import sre_parse as parser

_MAX_COPIES = 40  # of a bounded repetition; more of the same add no new kind of path
_EVERYTHING = frozenset(range(256)) | {0x2028, 0xE9, 0x1F600}
_CATEGORIES: Dict[str, str] = {
    "CATEGORY_DIGIT": r"\d",
    "CATEGORY_NOT_DIGIT": r"\D",
    "CATEGORY_SPACE": r"\s",
    "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w",
    "CATEGORY_NOT_WORD": r"\W",
}
Letters = FrozenSet[int]


class _Part(NamedTuple):
    """A piece of a pattern: may it be empty, where does it begin and end.

    `first` and `last` hold a state once for each way to it.  Where an anchor or a look-around
    follows, a match can still fail: `sure` says that an empty match needs none to hold, and
    `done` are those of the last states behind which none comes.
    """

    empty: bool
    first: Tuple[int, ...]
    last: Tuple[int, ...]
    sure: bool = True
    done: FrozenSet[int] = frozenset()


class Automaton:
    """The states of a pattern, or of a parsed one.

    `letters` are what a state reads; `follow` what comes after it, once for each way there.
    """

    def __init__(self, pattern: Any, flags: int, searched: bool, whole: bool) -> None:
        self.letters: List[Letters] = []
        self.follow: List[List[int]] = []
        self.looks: List[Any] = []  # what stands in look-arounds, to be judged by itself
        self.forked = False  # the empty text is an alternative to itself
        self._groups: Dict[int, Letters] = {}
        self._flags = flags
        tree = pattern
        if isinstance(pattern, str):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = parser.parse(pattern, flags)
            self._flags |= _state_of(tree).flags
        part = self._sequence(tree)
        # A search or a match that may end anywhere has succeeded where the pattern ends.
        self.done: Set[int] = set() if whole else set(part.done)
        if searched and not (part.empty and part.sure):
            start = self._state(_EVERYTHING)
            self.follow[start] = [start, *part.first]

    def _state(self, letters: Iterable[int]) -> int:
        self.letters.append(frozenset(letters))
        self.follow.append([])
        return len(self.letters) - 1

    # --- from the parsed pattern to states ---------------------------------------------------

    def _sequence(self, items: Any) -> _Part:
        whole = _Part(True, (), ())
        for operator, argument in items:
            whole = self._join(whole, self._item(str(operator), argument))
        return whole

    def _join(self, left: _Part, right: _Part) -> _Part:
        for state in left.last:
            self.follow[state] += right.first
        first = left.first + (right.first if left.empty else ())
        last = right.last + (left.last if right.empty else ())
        done = right.done | (left.done if right.empty and right.sure else frozenset())
        return _Part(left.empty and right.empty, first, last, left.sure and right.sure, done)

    def _item(self, operator: str, argument: Any) -> _Part:
        if operator in ("LITERAL", "NOT_LITERAL", "ANY", "IN", "GROUPREF", "RANGE"):
            state = self._state(self._letters_of(operator, argument))
            return _Part(False, (state,), (state,), done=frozenset([state]))
        if operator == "SUBPATTERN":
            before = len(self.letters)
            part = self._sequence(argument[3])
            self._groups[argument[0]] = frozenset().union(*self.letters[before:])
            return part
        if operator == "BRANCH":
            parts = [self._sequence(branch) for branch in argument[1]]
            self.forked |= sum(part.empty for part in parts) > 1
            return _Part(
                any(part.empty for part in parts),
                sum((part.first for part in parts), ()),
                sum((part.last for part in parts), ()),
                all(part.sure for part in parts),
                frozenset().union(*(part.done for part in parts)),
            )
        if operator in ("MAX_REPEAT", "MIN_REPEAT"):
            return self._repeat(*argument)
        if operator in ("ASSERT", "ASSERT_NOT"):
            self.looks.append(argument[1])
        if operator in ("AT", "ASSERT", "ASSERT_NOT"):
            return _Part(True, (), (), sure=False)
        raise NotImplementedError(operator)

    def _repeat(self, least: int, most: int, items: Any) -> _Part:
        endless = most == parser.MAXREPEAT
        whole = _Part(True, (), ())
        for _ in range(min(least, _MAX_COPIES)):
            whole = self._join(whole, self._sequence(items))
        if endless:
            part = self._sequence(items)
            for state in part.last:
                self.follow[state] += part.first
            return self._join(whole, part._replace(empty=True))
        optional = _Part(True, (), ())
        for _ in range(min(most - least, _MAX_COPIES)):
            optional = self._join(self._sequence(items), optional)._replace(empty=True)
        return self._join(whole, optional)

    def _letters_of(self, operator: str, argument: Any) -> Letters:
        if operator == "GROUPREF":
            return self._groups[argument]
        if operator == "ANY":
            dot_all = self._flags & re.DOTALL
            return _EVERYTHING if dot_all else _EVERYTHING - {ord("\n")}
        if operator == "LITERAL":
            return self._cased([argument])
        if operator == "NOT_LITERAL":
            return _EVERYTHING - self._cased([argument])
        return self._set_of(argument)

    def _set_of(self, argument: Any) -> Letters:
        letters: Set[int] = set()
        negated = False
        for kind, value in argument:
            name = str(kind)
            if name == "NEGATE":
                negated = True
            elif name == "LITERAL":
                letters.add(value)
            elif name == "RANGE":
                letters.update(c for c in _EVERYTHING if value[0] <= c <= value[1])
                letters.add(value[0])
            else:
                matches = re.compile(_CATEGORIES[str(value)]).match
                letters.update(c for c in _EVERYTHING if matches(chr(c)))
        cased = self._cased(letters)
        return _EVERYTHING - cased if negated else cased

    def _cased(self, letters: Iterable[int]) -> Letters:
        if not self._flags & re.IGNORECASE:
            return frozenset(letters)
        both = [(ord(chr(c).lower()), ord(chr(c).upper()[:1])) for c in letters]
        return frozenset(c for pair in both for c in pair)

    # --- the criterion -----------------------------------------------------------------------

    def reachable(self, start: int) -> Set[int]:
        """Return the states behind a state, itself only where a path leads back."""
        seen: Set[int] = set()
        waiting = list(self.follow[start])
        while waiting:
            state = waiting.pop()
            if state not in seen:
                seen.add(state)
                waiting += self.follow[state]
        return seen

    def fault(self) -> str:
        """Return why the number of paths is not bounded, "" where it is."""
        if self.forked:
            return "nothing is matched in two ways"
        behind = [self.reachable(state) for state in range(len(self.letters))]
        loops = [state for state in range(len(self.letters)) if state in behind[state]]
        for p in loops:
            ring = {state for state in behind[p] if p in behind[state]}
            if any(sum(n == s for n in self.follow[r]) > 1 for r in ring for s in ring):
                return "a repetition within a repetition reads the same text in two ways"
            if self._two_ways_round(p, ring):
                return "one text leads through a repetition in two ways"
        for p in loops:
            for q in loops:
                if p != q and q in behind[p] and q not in self.done and self._shifts(p, q, behind):
                    return f"two repetitions share a text ({_shown(self.letters[q])})"
        return ""

    def _two_ways_round(self, p: int, ring: Set[int]) -> bool:
        """Whether two different paths lead from p to p over one text."""
        seen: Set[Tuple[int, int]] = set()
        waiting = [(p, p)]
        while waiting:
            a, b = waiting.pop()
            for x in ring.intersection(self.follow[a]):
                for y in ring.intersection(self.follow[b]):
                    if self.letters[x] & self.letters[y] and (x, y) not in seen:
                        seen.add((x, y))
                        waiting.append((x, y))
        return any(x != y and self._meet(x, y, p, ring) for x, y in seen)

    def _meet(self, a: int, b: int, goal: int, ring: Set[int]) -> bool:
        seen = {(a, b)}
        waiting = [(a, b)]
        while waiting:
            a, b = waiting.pop()
            if a == b == goal:
                return True
            for x in ring.intersection(self.follow[a]):
                for y in ring.intersection(self.follow[b]):
                    if self.letters[x] & self.letters[y] and (x, y) not in seen:
                        seen.add((x, y))
                        waiting.append((x, y))
        return False

    def _shifts(self, p: int, q: int, behind: List[Set[int]]) -> bool:
        """Whether some text leads from p to p, from p to q, and from q to q."""
        seen: Set[Tuple[int, int, int]] = set()
        waiting = [(p, p, q)]
        while waiting:
            a, b, c = waiting.pop()
            for x in self.follow[a]:
                if p not in behind[x]:
                    continue
                for y in self.follow[b]:
                    if y != q and q not in behind[y]:
                        continue
                    shared = self.letters[x] & self.letters[y]
                    for z in self.follow[c]:
                        if q in behind[z] and shared & self.letters[z]:
                            if (x, y, z) == (p, q, q):
                                return True
                            if (x, y, z) not in seen:
                                seen.add((x, y, z))
                                waiting.append((x, y, z))
        return False


def _state_of(tree: Any) -> Any:
    """Return what the parser keeps of a pattern, by its name before and since Python 3.8."""
    return tree.state if hasattr(tree, "state") else tree.pattern


def _shown(letters: Letters) -> str:
    return repr("".join(map(chr, sorted(letters)[:6])))


def fault_of(pattern: Any, flags: int = 0, how: str = "search") -> str:
    """Return why a pattern can take more than linear time, "" where it cannot.

    `how` is the method by which it is used: search, match, fullmatch, sub, split, findall or
    finditer.
    """
    text = pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern
    searched = how not in ("match", "fullmatch")
    automaton = Automaton(text, flags, searched, whole=how == "fullmatch")
    looks = (Automaton(look, flags, False, whole=False) for look in automaton.looks)
    return next(filter(None, (judged.fault() for judged in (automaton, *looks))), "")
