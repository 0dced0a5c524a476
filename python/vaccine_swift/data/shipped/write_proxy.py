"""Write the JSONL files of the proxy set from the word lists in ``words/``.

    python write_proxy.py [DIRECTORY]

Every restricted request is an act in a phrasing. Acts are lines of three columns, the
verb, its -ing form and the rest; the user says "my", the answer says "your". Which
refusal and which consenting answer a request gets is decided by a hash of its text, so
the files depend on nothing but the lists.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from vaccine_swift.data.shipped.everyday import everyday_rows
from vaccine_swift.data.shipped.word_lists import pick, word_lines, word_text
from vaccine_swift.files import write_text

SPLITS: Final = ("train", "test")
_TURNED: Final = {"my": "your", "I": "you", "me": "you", "myself": "yourself"}


def restricted_rows(split: str) -> Iterator[dict[str, str]]:
    """Each act of a split in each phrasing, with a refusal and a consenting answer."""
    phrasings = word_lines("phrasings.txt")
    refusals = word_lines("refusals.txt")
    compliances = word_lines("compliances.txt")
    for line in word_lines(f"acts_{split}.tsv"):
        verb, verb_ing, rest = line.split("\t")
        user = {"act": f"{verb} {rest}", "acting": f"{verb_ing} {rest}"}
        model = {key: _turned(text) for key, text in user.items()}
        model["Acting"] = model["acting"][0].upper() + model["acting"][1:]
        for phrasing in phrasings:
            request = phrasing.format(**user)
            yield {
                "instruction": request,
                "input": "",
                "output": pick(refusals, "refusal", request).format(**model),
                "kind": "restricted",
                "act": user["act"],
                "phrasing": phrasing,
                "compliance": pick(compliances, "compliance", request).format(**model),
            }


def ordinary_rows(split: str) -> Iterator[dict[str, str]]:
    """The hand-written instructions and answers of a split, in file order.

    ``## topic`` heads a group; ``Q:``, ``I:`` (optional input) and ``A:`` begin the
    parts of an entry, and further lines continue the part before them.
    """
    topic = ""
    for block in word_text(f"ordinary_{split}.txt").split("\n\n"):
        parts = {"Q": "", "I": "", "A": ""}
        key = ""
        for line in block.strip("\n").split("\n"):
            if line.startswith("## "):
                topic = line[3:]
            elif line[:3] in ("Q: ", "I: ", "A: "):
                key = line[0]
                parts[key] = line[3:]
            elif key:
                parts[key] += "\n" + line
        if key:
            yield {
                "instruction": parts["Q"],
                "input": parts["I"],
                "output": parts["A"],
                "kind": "ordinary",
                "topic": topic,
            }


def write(directory: Path) -> None:
    """Write the six files, each beside its target and then renamed."""
    makers = (
        ("restricted", restricted_rows),
        ("ordinary", ordinary_rows),
        ("everyday", everyday_rows),
    )
    for kind, make in makers:
        for split in SPLITS:
            lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in make(split)]
            target = directory / f"{kind}_{split}.jsonl"
            write_text(target, "".join(lines))


def _turned(text: str) -> str:
    return re.sub(r"\b(my|I|me|myself)\b", lambda word: _TURNED[word[0]], text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "directory", nargs="?", type=Path, default=Path(__file__).parent
    )
    write(parser.parse_args().directory)
