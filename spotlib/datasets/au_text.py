"""Action units as annotators write them ("4(B/C)+7B", "(R6 or R12)+R15", "Chewing"), and back to text.

The grammar is that of the tables of METHOD section 7 and of FACS. A number is an AU. Before it, L and R are the
person's sides, A means asymmetric (both sides, one stronger), B and T the bottom and top lip. After it, A to E are its
intensity. "+", commas and the like stand between AUs; "or" and "/" between AUs, "?", "ref(7)" (named for reference,
not scored) and words that are no part of the grammar make the text doubtful.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

Side = Literal["left", "right", "both"]

#: AUs of the middle of the face, the jaw, the head and the eyes: without a letter they do not contradict a side
MIDLINE = frozenset({"8", *map(str, range(17, 20)), *map(str, range(22, 30)), "32", *map(str, range(36, 40))})
DIGITS = frozenset("0123456789")
MAX_LENGTH = 1000  # characters; the longest real text has 60
_TOKEN = re.compile(r"[0-9]+(?:\.[0-9]+)?|[A-Z]+|[^\s]")
_NEGATIVE = re.compile(r"[-\N{MINUS SIGN}][0-9.]+")
# letters run together with a word: "ADR30", "12Bor14", "LR12"
_WORD = re.compile(r"([A-E])?(OR|AND|REF|AUS?|ADS?)([LRABT])?|([LR])([LR])")
_SIDES = {"L": "L", "R": "R", "A": "LR", "B": "", "T": ""}
_SIDE_WORDS = {"LEFT": "L", "RIGHT": "R", "BOTH": "LR", "BILATERAL": "LR", "UNILATERAL": "", "TOP": "", "BOTTOM": ""}
_SILENT = frozenset({"AND", "AU", "AUS", "AD", "ADS", "DOUBLE", "TWICE"})
_WITHOUT = frozenset({"LOSES", "LOSE", "LOSING", "WITHOUT", "NOT"})


@dataclass(frozen=True)
class AuText:
    """What an AU text says.

    ``aus``: plain numbers as text, in order, each once. ``side``: "left" or "right" only if all AUs that carry a side
    agree and no AU is two-sided; two-sided is one marked A or both L and R, and one without a letter unless it is of
    the MIDLINE ("L12+25" is left, "L12+6" both). ``doubtful``: the text says more, or less surely, than this.
    """

    aus: tuple[str, ...]
    side: Side
    doubtful: bool


def parse_aus(text: object) -> AuText:
    """AUs of a text or number cell; never fails.

    >>> parse_aus("4(B/C)+7B")
    AuText(aus=('4', '7'), side='both', doubtful=False)
    >>> parse_aus("(R6 or R12)+R15")
    AuText(aus=('6', '12', '15'), side='right', doubtful=True)
    >>> parse_aus(12.0).aus, parse_aus("Chewing").doubtful, parse_aus("")
    (('12',), True, AuText(aus=(), side='both', doubtful=False))
    """
    written = unicodedata.normalize("NFKC", str(text) if text is not None else "").upper()
    if _NEGATIVE.fullmatch(written.strip()):
        return AuText((), "both", False)  # -1: not annotated
    reader = _Reader(_TOKEN.findall(written[:MAX_LENGTH]))
    reader.doubtful = len(written) > MAX_LENGTH
    reader.read()
    return AuText(tuple(reader.found), _side(reader.found), reader.doubtful)


def format_aus(aus: tuple[str, ...], side: str) -> str:
    """A text from which `parse_aus` reads the same AUs and side again.

    >>> format_aus(("4", "12"), "left"), format_aus(("4", "12"), "both")
    ('L4+L12', '4+12')
    """
    letter = {"left": "L", "right": "R"}.get(side, "")
    return "+".join(letter + au for au in aus)


def _side(found: dict[str, set[str]]) -> Side:
    sides = set()
    for au, letters in found.items():
        if letters == {"L"} or letters == {"R"}:
            sides |= letters
        elif letters or not (au in MIDLINE or int(au) >= 50):
            return "both"
    if len(sides) != 1:
        return "both"
    return "left" if sides == {"L"} else "right"


class _Reader:
    """Goes through the tokens once; `found` are the AUs with their sides so far."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.found: dict[str, set[str]] = {}
        self.doubtful = False
        self._unlettered: set[str] = set()  # AUs that were also named without a side
        self._before: set[str] | None = None  # sides of the letters before the next number; None: no letter yet
        self._groups: list[set[str]] = []  # sides that stand before an open parenthesis: "R(12or14)"
        self._last: str | None = None  # the AU whose intensity letters may follow
        self._without: int | None = None  # number of open parentheses where "loses" was read
        self._slash = False  # a "/" since the last AU

    def read(self) -> None:
        k = 0
        while k < len(self.tokens):
            k += self._take(k)

    def _take(self, k: int) -> int:
        """Read what begins at token k; how many tokens that were."""
        token = self.tokens[k]
        following = self.tokens[k + 1] if k + 1 < len(self.tokens) else ""
        if token[0] in DIGITS:
            if following in ("X", "×"):  # "2x R2": how often, no AU
                return 2
            for part in self._numbers(token):
                self._add(part)
        elif token == "X" and following[:1] in DIGITS:
            return 2
        elif token.isascii() and token.isalpha():
            for word in self._words(token):
                self._word(word, following)
        elif token in "([{":
            self._open(k)
        elif token in ")]}":
            self._close()
        elif token == "/":
            self._slash = True
        elif token in "+,;&、·":
            self._last, self._slash = None, False
        elif token == "?" or token not in "-–.'\"":
            self.doubtful = True
        return 1

    def _numbers(self, token: str) -> list[str]:
        whole, _, fraction = token.partition(".")
        if not fraction.strip("0"):
            return [whole]  # 12.0 of a number cell
        self.doubtful = True  # "4.10": a dot between AUs
        return [whole, fraction]

    def _add(self, digits: str) -> None:
        au = digits.lstrip("0")
        if not 1 <= len(au) <= 2:
            self.doubtful = True
            return
        if self._slash and self._last is not None:
            self.doubtful = True  # "12/14"
        letters, self._before = self._before, None
        self._slash = False
        if self._without is not None:
            return
        for group in self._groups:
            letters = (letters or set()) | group if group else letters
        sides = self.found.setdefault(au, set())
        sides |= letters or set()
        if not letters:
            self._unlettered.add(au)
        if au in self._unlettered and sides and not (au in MIDLINE or int(au) >= 50):
            sides |= {"L", "R"}  # "14+L14"
        self._last = au

    def _words(self, token: str) -> list[str]:
        match = _WORD.fullmatch(token)
        return [part for part in match.groups() if part] if match else [token]

    def _word(self, word: str, following: str) -> None:
        prefix = self._last is None or following[:1] in DIGITS
        if word in _SIDES and prefix:
            self.doubtful |= self._slash and self._before is not None  # "(A/R)14"
            self._before = (self._before or set()) | set(_SIDES[word])
            self._last = None
        elif word in ("L", "R") and self._last is not None:
            self.found[self._last].add(word)  # "12L"
            self._unlettered.discard(self._last)
        elif len(word) == 1 and word in "ABCDE":
            pass  # intensity
        elif word in _SIDE_WORDS:
            self._before = (self._before or set()) | set(_SIDE_WORDS[word])
        elif word in _SILENT:
            self._last = None
        elif word in ("OR", "REF"):
            self.doubtful = True
            self._last = None
            if self._without == len(self._groups):
                self._without = None
        elif word in _WITHOUT:
            self.doubtful = True
            self._without = len(self._groups)
        else:
            self.doubtful = True
            self._last, self._before = None, None

    def _open(self, k: int) -> None:
        """A parenthesis: letters before it are those of all numbers in it, "R(12or14)"."""
        inside = self.tokens[k + 1 : self._closing(k)]
        group: set[str] = set()
        if any(token[0] in DIGITS for token in inside) and self._before is not None:
            group, self._before = self._before, None
        self._groups.append(group)

    def _closing(self, k: int) -> int:
        depth = 0
        for j in range(k, len(self.tokens)):
            depth += (self.tokens[j] in "([{") - (self.tokens[j] in ")]}")
            if depth == 0:
                return j
        return len(self.tokens)

    def _close(self) -> None:
        if self._groups:
            self._groups.pop()
        if self._without is not None and len(self._groups) < self._without:
            self._without = None
