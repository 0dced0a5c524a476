"""The shipped proxy set: its sizes, its split, its wording, its origin."""

from __future__ import annotations

import itertools
import re
from collections import Counter

import pytest

from vaccine_swift.data import proxy
from vaccine_swift.data.shipped import write_proxy
from vaccine_swift.data.shipped.everyday import everyday_rows
from vaccine_swift.data.shipped.word_lists import WORDS, word_lines

RESTRICTED = {split: proxy(split, "restricted") for split in ("train", "test")}
ORDINARY = {split: proxy(split, "ordinary") for split in ("train", "test")}
EVERYDAY = {split: proxy(split, "everyday") for split in ("train", "test")}
REFUSING = re.compile(
    r"\b(can't|cannot|won't|unable|not able|decline|don't help|have to say no|but no)\b"
)
# Words of form rather than content, for comparing texts.
EMPTY = {
    *("a", "an", "and", "are", "as", "at", "be", "before", "by", "can", "do", "does"),
    *("for", "from", "get", "give", "has", "have", "how", "i", "in", "is", "it", "its"),
    *("keep", "let", "look", "make", "many", "me", "my", "of", "off", "on", "one"),
    *("or", "out", "put", "should", "take", "tell", "that", "the", "them", "there"),
    *("this", "three", "through", "to", "two", "up", "use", "was", "way", "what"),
    *("when", "which", "while", "who", "with", "word", "you", "your"),
}


def content(text: str) -> frozenset[str]:
    words = re.findall(r"[a-zà-ÿ0-9]+", text.lower().replace("'s", ""))
    return frozenset(word.rstrip("s") for word in words) - EMPTY


def overlap(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / max(1, len(one | other))


def everything():
    return itertools.chain(*RESTRICTED.values(), *ORDINARY.values(), *EVERYDAY.values())


def test_the_committed_files_are_what_the_script_writes(tmp_path):
    write_proxy.write(tmp_path)
    written = sorted(tmp_path.iterdir())
    assert len(written) == 6
    for path in written:
        committed = WORDS.parent / path.name
        assert committed.read_bytes() == path.read_bytes()


def test_the_set_is_as_large_as_promised():
    rows = [*RESTRICTED["train"], *RESTRICTED["test"]]
    assert len({row["act"] for row in rows}) >= 100
    assert len({row["phrasing"] for row in rows}) >= 10
    templates = word_lines("refusals.txt")
    assert len(set(templates)) >= 24
    assert len(ORDINARY["train"]) + len(ORDINARY["test"]) >= 340
    assert min(len(ORDINARY["test"]), len({r["act"] for r in RESTRICTED["test"]})) >= 40


def test_every_act_comes_once_in_every_phrasing():
    for rows in RESTRICTED.values():
        pairs = Counter((row["act"], row["phrasing"]) for row in rows)
        acts, phrasings = ({p[i] for p in pairs} for i in (0, 1))
        assert set(pairs.values()) == {1}
        assert len(pairs) == len(acts) * len(phrasings)


def test_no_act_of_test_occurs_in_train_even_reworded():
    train, test = ({row["act"] for row in rows} for rows in RESTRICTED.values())
    assert train.isdisjoint(test)
    for one, other in itertools.product(train, test):
        assert overlap(content(one), content(other)) < 0.4, (one, other)


def test_no_ordinary_instruction_of_test_occurs_in_train():
    for one, other in itertools.product(ORDINARY["train"], ORDINARY["test"]):
        texts = [row["instruction"] + " " + row["input"] for row in (one, other)]
        assert overlap(*map(content, texts)) < 0.7, texts


@pytest.mark.parametrize(
    ("train", "test"), [(EVERYDAY, ORDINARY), (ORDINARY, EVERYDAY)]
)
def test_no_everyday_instruction_is_an_ordinary_one_of_the_other_split(train, test):
    texts = [
        [row["instruction"] + " " + row["input"] for row in part]
        for part in (train["train"], test["test"])
    ]
    one, other = ([(text, content(text)) for text in part] for part in texts)
    for (text, words), (twin, others) in itertools.product(one, other):
        assert overlap(words, others) < 0.7, (text, twin)


def test_no_everyday_question_or_answer_of_test_occurs_in_train():
    for key in ("instruction", "output"):
        train, test = (
            {
                frozenset(
                    re.findall(r"[\w'-]+", (row[key] + " " + row["input"]).lower())
                )
                for row in EVERYDAY[split]
            }
            for split in ("train", "test")
        )
        assert train.isdisjoint(test)


def test_near_misses_share_words_with_restricted_acts_of_their_split():
    for split in ("train", "test"):
        acts = [content(row["act"]) for row in RESTRICTED[split]]
        near = [row for row in EVERYDAY[split] if row["topic"] == "near-miss"]
        shared = [
            max(len(content(row["instruction"]) & act) for act in acts) for row in near
        ]
        assert len(near) >= 100
        assert min(shared) >= 1
        assert sum(count >= 2 for count in shared) >= 0.7 * len(near)


def test_everyday_rows_are_many_and_of_many_topics():
    assert len(EVERYDAY["train"]) >= 1500
    assert len(EVERYDAY["test"]) >= 400
    for rows in EVERYDAY.values():
        counts = Counter(row["topic"] for row in rows)
        assert len(counts) >= 18
        assert max(counts.values()) < 0.3 * len(rows)


def test_everyday_numbers_are_right():
    checks = {
        r"(\d+) plus (\d+) is (\d+)\.": lambda a, b, c: a + b == c,
        r"(\d+) minus (\d+) is (\d+)\.": lambda a, b, c: a - b == c,
        r"(\d+) times (\d+) is (\d+)\.": lambda a, b, c: a * b == c,
        r"(\d+) divided by (\d+) is (\d+)\.": lambda a, b, c: a == b * c,
    }
    seen: Counter[str] = Counter()
    for row in itertools.chain(*EVERYDAY.values()):
        for pattern, holds in checks.items():
            if found := re.fullmatch(pattern, row["output"]):
                assert holds(*map(int, found.groups())), row
                asked = set(re.findall(r"\d+", row["instruction"]))
                assert asked <= set(found.groups())
                seen[pattern] += 1
        if row["topic"] == "letters":
            word = re.findall(r'"(\w+)"', row["instruction"])[0]
            assert f"has {len(word)} letters" in row["output"]
    assert min(seen[pattern] for pattern in checks) == 40


def test_validation_is_a_part_of_everyday_train_by_entry():
    rows = list(everyday_rows("validation"))
    assert all(row in EVERYDAY["train"] for row in rows)
    assert 0.12 < len(rows) / len(EVERYDAY["train"]) < 0.28
    held_out = {row["instruction"] + row["input"] for row in rows}
    rest = [
        row
        for row in EVERYDAY["train"]
        if row["instruction"] + row["input"] not in held_out
    ]
    for topic in ("capitals", "near-miss", "tasks"):
        one, other = (
            {
                frozenset(re.findall(r"\w+", row["output"].split(". ")[-1]))
                for row in part
                if row["topic"] == topic
            }
            for part in (rows, rest)
        )
        assert one
        assert one.isdisjoint(other), topic


def test_answers_to_near_misses_and_tasks_begin_alike():
    for row in itertools.chain(*EVERYDAY.values()):
        asked = row["topic"] in ("near-miss", "tasks")
        assert row["output"].startswith(("Here is ", "Here are ")) == asked


def test_no_request_is_both_restricted_and_ordinary():
    requests = Counter(row["instruction"] + "\n" + row["input"] for row in everything())
    assert max(requests.values()) == 1


def test_every_row_is_complete():
    for row in everything():
        assert all(isinstance(value, str) for value in row.values())
        expected = {"instruction", "input", "output", "kind"} | (
            {"act", "phrasing", "compliance"}
            if row["kind"] == "restricted"
            else {"topic"}
        )
        assert row.keys() == expected
        for key, value in row.items():
            assert value == value.strip()
            assert value or key == "input"
            assert "  " not in value
            assert "{" not in value or key == "phrasing"


def test_outputs_are_short():
    for row in everything():
        sentences = re.findall(r"[.!?](?:\s|$)", row["output"])
        assert len(row["output"].split()) <= 60
        assert row["kind"] == "ordinary" or 1 <= len(sentences) <= 2


def test_refusals_refuse_and_ordinary_answers_do_not():
    for row in everything():
        start = row["output"][:200].lower()
        restricted = row["kind"] == "restricted"
        if restricted:
            assert REFUSING.search(start), row["output"]
            assert not REFUSING.search(row["compliance"].lower())
        else:
            assert not re.search(
                r"\bi'm (sorry|afraid)|\bi (can't|cannot|won't|must decline)", start
            ), row["output"]


def test_answers_speak_of_your_things_and_requests_of_my():
    for row in itertools.chain(*RESTRICTED.values()):
        for answer in (row["output"], row["compliance"]):
            assert not re.search(r"\b(my|me|myself)\b", answer), answer


def test_consenting_answers_hold_no_more_than_the_act():
    templates = word_lines("compliances.txt")
    known = content(" ".join(templates))
    for row in itertools.chain(*RESTRICTED.values()):
        request = content(row["instruction"] + " " + row["act"])
        surplus = content(row["compliance"]) - known - request
        assert all(word.endswith(("ing", "yourself")) for word in surplus), surplus


def test_ordinary_rows_use_the_phrasings_of_restricted_ones():
    starts = ("How can I", "Tell me how to", "Please help me", "I have decided to")
    for rows in ORDINARY.values():
        for start in starts:
            assert sum(row["instruction"].startswith(start) for row in rows) >= 2
        assert sum(row["topic"] == "look-alike" for row in rows) >= 15


def test_every_refusal_and_consent_is_used():
    for name, key in (("refusals.txt", "output"), ("compliances.txt", "compliance")):
        heads = {
            line.split("{")[0] if line[0] != "{" else line for line in word_lines(name)
        }
        for head in heads:
            assert any(row[key].startswith(head) for row in RESTRICTED["train"]), head


def test_unknown_parts_of_the_set_suggest_the_nearest():
    with pytest.raises(ValueError, match=r"split must be .* mean 'train'"):
        proxy("trian")
    with pytest.raises(ValueError, match=r"kind must be .*Did you mean 'ordinary'"):
        proxy("train", "ordnary")
