"""Strings that tokenisers trip over: whitespace, Unicode, code, emoji, controls."""

from __future__ import annotations

import random

_HARD = [
    "",
    " ",
    "\n",
    "\t \n  \r\n",
    "Hello, world!",
    "I'm, you're, he'd, we'll, they've, it's, can't; I'M, YOU'RE",
    "   three spaces before, three after   ",
    "1 22 333 4444 55555 1,234,567.89 -1e-5 0x1F",
    "a  1\n\n2\t\t3 \n 4\r\n\r\n5",
    "x²+y³=½ ⅓ Ⅷ ١٢٣ १२३ 一二三",
    "def f(x):\n    if x > 0:\n\t\treturn x ** 2  # squared\n\n    return None\n",
    "<html><body class='a'>&nbsp;</body></html>",
    "SELECT * FROM t WHERE a='b' AND c<>3;",
    "naïve café déjà-vu Ærøskøbing Łódź İstanbul ẞ ß",
    "e\u0301 vs \u00e9, \u1112\u1161\u11ab vs \ud55c",
    "Привет, мир! Γειά σου Κόσμε! שלום עולם! مرحبا بالعالم!",
    "你好,世界!こんにちは世界。안녕하세요 세계!สวัสดีชาวโลก",
    "😀👍🏽👨‍👩‍👧‍👦🇩🇪❤️ text 🙂",
    "\x00\x01\x02\x1b[31mred\x1b[0m\x7f\x80\x9f",
    "\u00a0\u2003\u3000\u200b\u2028\u2029\ufeff\u00adx",
    "zero\u200dwidth\u200cjoiners\u2060",
    "\U0001d4d7\U0001f0a1\U0010ffff\ufffd",
    "https://example.org/a?b=c&d=%20#e user@example.org",
    "....,,,,!!!!????----____====",
    "<|im_start|>user\nHi<|im_end|>\n<|endoftext|>",
    "<|im_start|> <|im_end|><|unknown|>",
    "camelCaseWords snake_case_words SCREAMING_CASE kebab-case",
    "a" * 300,
    " " * 77 + "x",
    "\n" * 40 + "9",
    "ab " * 60,
]
_PIECES = [
    *(
        "the",
        " The",
        "Hello",
        "world",
        "Don't",
        "'s",
        "'LL",
        "we've",
        "token",
        "isation",
    ),
    *(" ", "  ", "   ", "\n", "\n\n", "\t", "\r\n", "\u00a0", "\u3000", "\u2028"),
    *("0", "7", "12", "2024", "3.14", "½", "²", "٣", "Ⅳ", "①"),
    *(
        ".",
        ",",
        "!?",
        "...",
        "--",
        "()",
        "{}",
        "==",
        "//",
        "#",
        "%",
        "\\",
        "_",
        "'",
        '"',
    ),
    *("é", "e\u0301", "ß", "ñ", "ø", "Ж", "λ", "ש", "ع", "中", "文", "か", "한", "ไทย"),
    *("😀", "👩‍🚀", "🇫🇷", "❤️", "\x00", "\x1b", "\x7f", "\x85", "\u200b", "\ufeff"),
    *("<|im_start|>", "<|im_end|>", "<|", "|>", "def ", "return", "    ", "</p>"),
]


def varied_strings(count: int, seed: int = 0) -> list[str]:
    """`count` different strings, the same for every seed and Python version."""
    generator = random.Random(seed)
    strings = dict.fromkeys(_HARD[:count])
    while len(strings) < count:
        kind = generator.random()
        length = 1 + int(12 * generator.random() ** 2)
        if kind < 0.6:
            index = [int(generator.random() * len(_PIECES)) for _ in range(length)]
            text = "".join(_PIECES[i] for i in index)
        elif kind < 0.8:
            text = "".join(_character(generator) for _ in range(2 * length))
        else:
            alphabet = "aZ 09\n\t'.é中😀"
            text = "".join(
                alphabet[int(generator.random() * len(alphabet))]
                for _ in range(3 * length)
            )
        strings.setdefault(text)
    return list(strings)


def _character(generator: random.Random) -> str:
    """Any character but half of a surrogate pair, low ones more often."""
    limit = [0x100, 0x3000, 0x10000, 0x110000][int(generator.random() * 4)]
    while True:
        code = int(generator.random() * limit)
        if not 0xD800 <= code < 0xE000:
            return chr(code)
