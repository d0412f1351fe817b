"""Finding what can be reported by a tenant's own words: misspelt, in another form, or another word for the same thing.

Every word is brought to its stem, every phrase of a group of synonyms to the group's first. A word that the catalogue
does not have is read as the nearest ones that it has. A leaf ranks by how many of the words it answers, how rare they
are, where it has them (in its own name before what else it is called, and before the name of its place), and how much
of that name they say: "boiler" is the boiler before the boiler's pipe.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

from portal.repairs.catalogue import Catalogue, Leaf, catalogue

MOST = 12
"""How many leaves a search answers."""

_WORD = re.compile(r"[a-z0-9]+")
_NAME, _ALSO, _PLACE = 3.0, 2.0, 1.0
# Below this a word is another word and not a misspelt one: one wrong letter in four, two in eight.
_NEAREST = 0.72
_LEAST = 0.45


@cache
def _stems(text: str) -> tuple[str, ...]:
    return tuple(_stem(word) for word in _WORD.findall(text.lower().replace("'", "").replace("’", "")))


def _stem(word: str) -> str:
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word.removesuffix(ending)
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "sl":
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 4 else word


_NOISE = frozenset(
    _stems(
        "a an and any are at be been but by can cannot can't do does doesn't don't for from get gone got has had have "
        "i i'm in is isn't it its keeps me my not of off on or our out so that the their there this to up was we went "
        "were will with won't you your"
    )
)


class _Entry(NamedTuple):
    """`weights` are those of its words; `names` are what it is called, the whole first, each as its words."""

    leaf: Leaf
    weights: Mapping[str, float]
    names: Sequence[frozenset[str]]


class Finder:
    """A catalogue made ready to be searched."""

    def __init__(self, known: Catalogue) -> None:
        pairs = {_stems(phrase): _stems(group[0]) for group in known.synonyms for phrase in group}
        # The longest first: "does not work" before "work".
        self._phrases = sorted(pairs.items(), key=lambda pair: -len(pair[0]))
        self._entries = [self._entry(leaf) for leaf in known.items]
        in_how_many = Counter(word for entry in self._entries for word in entry.weights)
        self._rarity = {word: 1 + math.log(len(self._entries) / n) for word, n in in_how_many.items()}
        self._vocabulary = sorted(self._rarity)
        self._said = sorted({word for phrase in pairs for word in phrase} - self._rarity.keys() - _NOISE)

    def search(self, words: str) -> list[Leaf]:
        """The leaves that `words` may mean, the best match first; none where no word means anything here."""
        stems = tuple(self._spelt(stem) for stem in _stems(words))
        asked = [meant for word in dict.fromkeys(self._words(stems)) if (meant := self._meant(word))]
        scored = [(self._score(entry, asked), entry) for entry in self._entries]
        found = sorted((s for s in scored if s[0] > 0), key=lambda s: -s[0])
        least = found[0][0] * _LEAST if found else 0
        return [entry.leaf for score, entry in found[:MOST] if score >= least]

    def _score(self, entry: _Entry, asked: Sequence[Mapping[str, float]]) -> float:
        hits: dict[str, float] = {}
        score = 0.0
        for meant in asked:
            like, word = max(
                (like * entry.weights.get(word, 0) * self._rarity[word], word) for word, like in meant.items()
            )
            if like:
                hits[word] = meant[word]
                score += like
        if not score:
            return 0
        covered = [self._covered(name, hits) for name in entry.names]
        return score * (1 + max(covered) + covered[0] / 2)

    def _covered(self, name: frozenset[str], hits: Mapping[str, float]) -> float:
        """How much of the name was said, from 0 to 1; rare words are more of it."""
        return sum(self._rarity[w] * hits.get(w, 0) for w in name) / sum(self._rarity[w] for w in name)

    def _spelt(self, stem: str) -> str:
        """The word of a synonym that `stem` is a slip of, where it is nearer to one than to the catalogue's words."""
        if stem in self._rarity or stem in self._said or stem in _NOISE:
            return stem
        near = _nearest(stem, [*self._vocabulary, *self._said], 1)
        return near[0][0] if near and near[0][0] not in self._rarity else stem

    def _meant(self, word: str) -> Mapping[str, float]:
        """The catalogue's words that `word` may be, each with how like it is (1: the same)."""
        if word in self._rarity:
            return {word: 1.0}
        if begun := {known: 0.9 for known in self._vocabulary if len(word) >= 3 and known.startswith(word)}:
            return begun
        return {known: like * like for known, like in _nearest(word, self._vocabulary, 3)}

    def _words(self, stems: tuple[str, ...]) -> list[str]:
        """The stems, each synonym as what it stands for, without the words that say nothing."""
        found: list[str] = []
        place = 0
        while place < len(stems):
            for phrase, stands_for in self._phrases:
                if stems[place : place + len(phrase)] == phrase:
                    found += stands_for
                    place += len(phrase)
                    break
            else:
                found.append(stems[place])
                place += 1
        return [word for word in found if word not in _NOISE]

    def _entry(self, leaf: Leaf) -> _Entry:
        place, name = self._words(_stems(leaf.place)), self._words(_stems(f"{leaf.object} {leaf.problem}"))
        others = [self._words(_stems(text)) for text in leaf.also]
        weights = dict.fromkeys(place, _PLACE)
        for weight, words in (*((_ALSO, words) for words in others), (_NAME, name)):
            weights |= dict.fromkeys(words, weight)
        called = [place + name, name, self._words(_stems(leaf.object)), *others]
        return _Entry(leaf, weights, [frozenset(words) for words in called if words])


@cache
def finder() -> Finder:
    """The landlord's catalogue made ready, once a process; raises CatalogueFault."""
    return Finder(catalogue())


def _nearest(word: str, words: Sequence[str], limit: int) -> list[tuple[str, float]]:
    from rapidfuzz import process  # 40 ms of a cold start, and only a misspelt word needs it
    from rapidfuzz.distance import OSA

    near = process.extract(word, words, scorer=OSA.normalized_similarity, score_cutoff=_NEAREST, limit=limit)
    return [(known, like) for known, like, _ in near]
