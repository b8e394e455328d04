"""Convert TeX in titles, names and abstracts to Unicode as printed.

Sources send fragments: cut commands, bare ``%`` and ``&``, money, authors' macros, text without its backslashes.
pylatexenc's parser cuts, drops or raises on these, so only its table of symbols is used.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

from digest.text import symbols
from digest.text.dollars import maths_spans
from digest.text.limits import MOST
from digest.text.stripped import EVIDENCE, with_backslashes
from subscriptions.unicode_text import normalise

# Nested groups: a formula has five, an attack has thousands.
_DEEPEST = 25

_HAS_TEX = re.compile(rf"[\\$^{{}}~`]|_\w|{EVIDENCE.pattern}")

_LINKED = re.compile(r"(https?://[^\s{}\\]{1,500})\{([^{}]{0,300})\}")
_TOKEN = re.compile(
    r"(?P<url>https?://[^\s{}\\$^<>\"]+)|\\(?P<name>operatorname\*|[A-Za-z]+)|\\(?P<sign>.?)|(?P<mark>[{}^_$~])"
    r"|(?P<text>(?:(?!https?://)[^\\{}^_$~])+)",
    re.S,
)
# Braces around a set, a list or a condition stay; all others are TeX groups.
_SET = re.compile(r"[,;:|=…<>≤≥∈]")
_PROSE = re.compile(r"[a-z]{3} [a-z]{2,} [a-z]{2}")


def without_tex(text: str) -> str:
    """Convert the TeX of ``text`` to Unicode: accents, symbols, scripts where Unicode has them, fractions in a line.

    Every word stays: of an unknown command its argument, or its name if it has none, since authors name their systems
    so. Only braces of sets (``{0,1}ⁿ``) and dollars of money remain. Linear in the length of the text.
    """
    if not _HAS_TEX.search(text):
        return text
    # quotes escaped for JSON: an accent needs a letter after it
    if re.search(r'\\"(?![A-Za-z{\\])', text):
        text = text.replace('\\"', '"')
    text = re.sub(r"(?<=\w)\\'s\b", "'s", text)
    text = re.sub(r"(?<=\b[a-z]\.)\\[, ](?=[a-z]\b)", "", text)  # i.\,i.\,d., e.\,g.
    # \250 million: the dollar is lost and its escape is left
    text = re.sub(r"(?<!\\)\\(?=\d[\d,.]*+(?!\)))", r"\\$", text)
    text = _LINKED.sub(_link, text)
    return _Reader(_tokens(with_backslashes(_with_quotes(text)))).read()


def _link(match: re.Match[str]) -> str:
    address, words = match[1], match[2].strip()
    return address if not words or words.removeprefix("https://").rstrip(".") in address else f"{words} ({address})"


def _with_quotes(text: str) -> str:
    if "``" in text:
        text = text.replace("``", "“").replace("''", "”")
    return re.sub(r"(?<![\w`\\])`(?=\w)([^`']{1,80})'(?!\w)", r"‘\1’", text) if "`" in text else text


@dataclass(slots=True)
class _Token:
    # url, name, sign, text, or the mark itself: { } ^ _ ~ and $ as a delimiter of maths
    kind: str
    value: str


def _tokens(text: str) -> list[_Token]:
    """Split ``text`` into tokens, without braces that are unmatched or too deep; a dollar of money is text."""
    maths = {at for span in maths_spans(text) for at in span}
    tokens: list[_Token] = []
    opened: list[int] = []
    left_out: set[int] = set()
    for match in _TOKEN.finditer(text):
        kind, value = str(match.lastgroup), match[str(match.lastgroup)]
        if kind == "mark":
            kind = "text" if value == "$" and match.start() not in maths else value
        if kind == "{":
            opened.append(len(tokens))
        elif kind == "}" and not opened:
            continue
        elif kind == "}":
            start = opened.pop()
            if len(opened) >= _DEEPEST:
                left_out |= {start, len(tokens)}
        tokens.append(_Token(kind, value))
    left_out.update(opened)
    return [token for at, token in enumerate(tokens) if at not in left_out]


@dataclass(slots=True)
class _Reader:
    """Recursive reader of tokens from left to right; ``maths`` is true between two dollars."""

    tokens: list[_Token]
    at: int = 0
    maths: bool = False
    depth: int = 0
    out: list[str] = field(default_factory=list)

    def read(self) -> str:
        """Read to the end of the group."""
        outer, self.out = self.out, []
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            self.at += 1
            if token.kind == "}":
                break
            if piece := self._piece(token):
                self.out.append(piece)
        read, self.out = "".join(self.out), outer
        return read

    def _piece(self, token: _Token) -> str:
        match token.kind:
            case "$":
                self.maths = not self.maths
                return ""
            case "{":
                return self._group()
            case "^" | "_":
                return self._script(token.kind)
            case "name":
                return self._command(token.value)
            case "sign":
                return self._sign(token.value)
            case "~":
                return self._tie()
            case _:
                return token.value

    def _last(self, length: int = 1) -> str:
        """Return the last characters written within the group."""
        return "".join(self.out[-length:])[-length:]

    def _next(self, *kinds: str) -> str:
        """Return the value of the next token if it is of one of these kinds, else an empty string."""
        if self.at < len(self.tokens) and self.tokens[self.at].kind in kinds:
            return self.tokens[self.at].value
        return ""

    def _take(self, length: int) -> str:
        """Remove and return the first characters of the next text token."""
        token = self.tokens[self.at]
        taken, token.value = token.value[:length], token.value[length:]
        if not token.value:
            self.at += 1
        return taken

    def _skip_space(self) -> None:
        if self._next("text").startswith(" "):
            self._take(1)

    def _argument(self) -> str:
        """Read an argument: a group, a command with its own arguments, or one character."""
        self._skip_space()
        if self._next("text"):
            return self._take(1)
        if not self._next("{", "name", "sign", "url") or self.depth > _DEEPEST:
            return ""
        token = self.tokens[self.at]
        self.at += 1
        self.depth += 1
        outer, self.out = self.out, []
        argument = self.read() if token.kind == "{" else self._piece(token)
        self.out = outer
        self.depth -= 1
        return argument.strip()

    def _option(self) -> str:
        """Read an optional argument ``[…]``, if it comes next."""
        text = self._next("text")
        if not text.startswith("[") or (end := text.find("]", 0, 80)) < 0:
            return ""
        return self._take(end + 1)[1:-1]

    def _group(self) -> str:
        begins_with_command = bool(self._next("name"))
        inner = self.read()
        if inner.startswith("http"):
            return inner + " "
        if self.maths or begins_with_command or not _SET.search(inner) or _PROSE.search(inner):
            return inner
        return "{" + inner + "}"

    def _tie(self) -> str:
        """Read a ``~``: TeX's space after a word, "about" at the start of a word, "to" between numbers."""
        before, after = self._last(), self.tokens[self.at].value[:1] if self.at < len(self.tokens) else ""
        if self.maths:
            return " "
        if after.isdigit() and (before.isdigit() or before == "%"):
            return "~"
        if before.isalnum() and after.isspace():
            return ""
        return " " if before and (before.isalnum() or before in ".,;:)]}”’\"'%$") and not after.isspace() else "~"

    def _script(self, mark: str) -> str:
        text = self._next("text")
        if self._next("{", "name") or (self.maths and (text.strip() or self._next("sign"))):
            outer, self.maths = self.maths, True
            argument = self._argument()
            self.maths = outer
            return script(mark, argument)
        pattern = r"[-+−]?\d++(?!\.\d)|[A-Za-z*∗](?![A-Za-z0-9])" if mark == "^" else r"[A-Za-z0-9](?!\w|\.\d)"
        match = re.match(pattern, text)
        before = self._last(2)
        if not match or not before.strip() or (mark == "_" and (not before[-1].isalpha() or before[:-1].isalnum())):
            return mark
        return script(mark, self._take(match.end()))

    def _sign(self, sign: str) -> str:
        if sign in symbols.SIGN_ACCENTS:
            following = self._next("text", "name", "{")[:1]
            if not (following.isalpha() or following == "{") or self._last() == "/":
                return sign
            return accent(self._argument(), symbols.SIGN_ACCENTS[sign], otherwise=sign)
        if sign and sign in "()[]":
            self.maths = sign in "(["
            return ""
        return symbols.SPACING_SIGNS.get(sign, sign)

    def _command(self, name: str) -> str:
        name = name.removesuffix("*")
        if name in symbols.LETTERS:
            self._skip_space()
            return symbols.SYMBOLS.get(name, name)
        if name in symbols.SWITCHES:
            self._skip_space()
            if name in ("left", "right") and self._next("text").startswith("."):
                self._take(1)
            return ""
        if name in symbols.WRAPPERS:
            return self._spaced(self._argument()) if name == "operatorname" else self._argument()
        if name in symbols.NAMED_ACCENTS:
            return accent(self._argument(), symbols.NAMED_ACCENTS[name])
        if name in symbols.FRACTIONS:
            return self._fraction()
        if is_function(name):
            return self._spaced(symbols.SYMBOLS.get(name, name))
        if name in symbols.SYMBOLS:
            return self._symbol(symbols.SYMBOLS[name])
        return self._special(name)

    def _symbol(self, drawn: str) -> str:
        if drawn.endswith(".") and self._next("text").startswith("."):
            self._take(1)
        if drawn == "°" or (self.maths and self._last().strip()):
            self._skip_space()
        return drawn

    def _spaced(self, operator: str) -> str:
        """Put spaces between an operator and letters or numbers, but not brackets: ``log`` in "n log n"."""
        before = " " if self._last().isalnum() or self._last() in tuple(")]}") else ""
        follower = self._next("text", "name")[:1]
        return before + operator + (" " if follower.isalnum() and self._next("name") not in symbols.SWITCHES else "")

    def _fraction(self) -> str:
        above, below = (bracketed(self._argument()) for _ in range(2))
        fraction = f"{above}/{below}"
        return f"({fraction})" if self._next("text")[:1].isalpha() or self._last().isalnum() else fraction

    def _special(self, name: str) -> str:
        """Read a command with special arguments, or an unknown one."""
        match name:
            case "sqrt":
                root = {"": "√", "3": "∛", "4": "∜"}.get(degree := self._option(), f"{script('^', degree)}√")
                return root + bracketed(self._argument())
            case "binom":
                return f"C({self._argument()}, {self._argument()})"
            case "href":
                address = self._argument()
                return _link_of(address, self._argument() if self._next("{") else "")
            case "textsuperscript" | "textsubscript":
                return script("^" if name == "textsuperscript" else "_", self._argument())
            case "footnote":
                return f" ({self._argument()})"
            case "not":
                return normalise("NFC", self._argument() + "\u0338", limit=MOST)
            case "deg":
                return self._spaced("deg") if self.maths else "°"
            case "overset" | "stackrel" | "underset":
                mark, base = self._argument(), self._argument()
                return base + script("_" if name == "underset" else "^", mark)
            case "bmod" | "pmod" | "mod":
                argument = self._argument() if name == "pmod" else ""
                return f" (mod {argument})" if argument else " mod "
            case _ if name in symbols.CITES:
                option = self._option()
                return "[" + ", ".join(filter(None, (self._argument(), option))) + "]"
            case _ if name in symbols.ARGUMENT_DROPPED:
                if self._next("{"):
                    self._argument()
                return " "
            case _ if name in symbols.FIRST_DROPPED:
                self._argument()
                return self._argument()
            case _ if name in symbols.BRACKETS and self._next("{"):
                opening, closing = symbols.BRACKETS[name]
                return opening + self._argument() + closing
            case _:
                return self._unknown(name)

    def _unknown(self, name: str) -> str:
        arguments: list[str] = []
        while self._next("{") and len(arguments) < 4:
            arguments.append(self._argument())
        arguments = [argument for argument in arguments if argument]
        apart = " " if self._last().isalnum() else ""
        if not arguments:
            return apart + name
        return f"{apart}{name}({', '.join(arguments)})" if self.maths else apart + " ".join(arguments)


def _link_of(address: str, words: str) -> str:
    return " ".join(filter(None, (words, f"({address})" if words and address else address)))


def is_function(name: str) -> bool:
    """Return whether ``name`` is written upright and apart from its argument: log, sin, argmax."""
    return name in symbols.OPERATORS or symbols.SYMBOLS.get(name, "").strip(" ").replace(" ", "") == name


def bracketed(term: str) -> str:
    """Put ``term`` in brackets unless it is one number, letter, word or call, which reads well after ``/`` or ``√``."""
    return term if re.fullmatch(r"[√∛∜]?[^\W_]*(?:\([^()]*\))?[⁰¹²³⁴-ₜᵃ-ᶿ]*|[\d.]+|…", term) else f"({term})"


def script(mark: str, argument: str) -> str:
    """Raise (``^``) or lower (``_``) ``argument``: in small characters or as ``p_comp``, ``N^(α/2)``."""
    argument = argument.strip()
    if not argument:
        return ""
    if mark == "^" and argument in symbols.RAISED:
        return symbols.RAISED[argument]
    table = symbols.SUPERSCRIPTS if mark == "^" else symbols.SUBSCRIPTS
    short = len(argument) <= symbols.LONGEST_SCRIPT and not re.search("[A-Za-z]{3}", argument)
    if short and all(ord(character) in table for character in argument.replace(" ", "")):
        return argument.replace(" ", "").translate(table)
    plain = re.fullmatch(r"[-+−]?(?:\w|[A-Za-z0-9.]+)|\([^()]*\)|[^\w\s]", argument)
    return mark + (argument if plain else f"({argument})")


def accent(base: str, accent: str, *, otherwise: str = "") -> str:
    """Put a combining ``accent`` on ``base``.

    ``otherwise`` is TeX's sign of the accent, put before letters that cannot carry it. Without it the accent is one of
    maths, or an authors' macro of the same name if ``base`` is a word.
    """
    base = base.strip()
    if not base:
        return otherwise
    letters = sum(not unicodedata.combining(character) for character in base)
    if not otherwise and letters > 1:
        return base
    first = {"ı": "i", "ȷ": "j"}.get(base[0], base[0])
    composed = normalise("NFC", first + accent + base[1:], limit=MOST)
    return otherwise + base if otherwise and len(composed) > len(base) else composed
