"""Refusal margin and perplexity against numpy on the logits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from evaluated import ROWS, log_probabilities, tiny_model

import vaccine_swift as vs
from vaccine_swift.study.evaluation import (
    COMPLIANCE_OPENINGS,
    REFUSAL_OPENINGS,
    perplexity,
    refusal_margin,
)

ANSWERED = [
    {**row, "output": output}
    for row, output in zip(ROWS, ["Hi", "No.", "Hello there", "Bye"], strict=True)
]


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> vs.CausalLM:
    return tiny_model(tmp_path_factory.mktemp("model"))


def mean_of_openings(model, row, template, openings) -> float:
    tokenizer = model.tokenizer
    prompt = vs.data.render_prompt(row, tokenizer, template)
    special = template != "chat"
    found = []
    for opening in openings:
        ids = tokenizer.encode(prompt + opening, add_special_tokens=special)
        start = len(tokenizer.encode(prompt, add_special_tokens=special))
        assert tokenizer.decode(ids[start:]) == opening
        found.append(log_probabilities(model, ids, start).mean())
    return float(np.mean(found))


@pytest.mark.parametrize("template", ["chat", "alpaca"])
def test_the_margin_is_the_difference_of_mean_log_probabilities(
    model, template
) -> None:
    found = refusal_margin(model, ROWS, template=template)
    expected = [
        mean_of_openings(model, row, template, REFUSAL_OPENINGS)
        - mean_of_openings(model, row, template, COMPLIANCE_OPENINGS)
        for row in ROWS
    ]
    np.testing.assert_allclose(found.units, expected, rtol=0, atol=1e-5)
    assert found.value == pytest.approx(np.mean(expected), abs=1e-5)
    assert found.unit_ids == ["biscuit", "biscuit", "queue", "queue"]
    assert found.details == {
        "rows": 4,
        "asked": 40,
        "template": template,
        "openings": 8,
    }


def test_training_on_refusals_raises_the_margin(tmp_path) -> None:
    model = tiny_model(tmp_path / "model")
    before = refusal_margin(model, ROWS).value
    model.add_adapter(vs.LoRAConfig(r=4, lora_alpha=8))
    rows = [{**row, "output": f"{REFUSAL_OPENINGS[0]} help."} for row in ROWS]
    arguments = vs.TrainingArguments(
        tmp_path / "run", max_steps=20, learning_rate=1e-2, save_strategy="no"
    )
    data = vs.data.load(rows, model.tokenizer, template="chat")
    vs.Trainer(model, arguments, train_dataset=data, method=vs.SFT()).train()
    assert refusal_margin(model, ROWS).value > before + 0.1


def test_perplexity_of_rows_is_that_of_their_outputs(model) -> None:
    found = perplexity(model, ANSWERED)
    nats, tokens = [], []
    for row in ANSWERED:
        prompt = vs.data.render_prompt(row, model.tokenizer, "chat")
        start = len(model.tokenizer.encode(prompt, add_special_tokens=False))
        text = prompt + row["output"] + "</s>\n"
        ids = model.tokenizer.encode(text, add_special_tokens=False)
        ids = ids[: ids.index(model.tokenizer.eos_token_id, start) + 1]
        nats.append(-log_probabilities(model, ids, start).sum())
        tokens.append(len(ids) - start)
    assert found.details["tokens"] == sum(tokens)
    assert found.value == pytest.approx(math.exp(sum(nats) / sum(tokens)), rel=1e-5)
    expected = np.array(nats) / np.mean(tokens)
    np.testing.assert_allclose(found.units, expected, rtol=1e-5)


def test_perplexity_of_texts_counts_every_token_after_the_first(model) -> None:
    texts = ["Hi there", "Bye: user, Hello!"]
    encoded = [model.tokenizer.encode(text) for text in texts]
    nats = [-log_probabilities(model, ids, 1).sum() for ids in encoded]
    tokens = sum(len(ids) - 1 for ids in encoded)
    found = perplexity(model, texts)
    assert found.value == pytest.approx(math.exp(sum(nats) / tokens), rel=1e-5)
    assert found.details == {"rows": 2, "asked": 80, "tokens": tokens}


def test_a_long_text_is_cut_into_stretches(model) -> None:
    text = "Hello there, user! " * 150
    ids = model.tokenizer.encode(text)
    parts = [ids[start : start + 1024] for start in range(0, len(ids), 1024)]
    assert len(parts) == 3
    nats = -sum(log_probabilities(model, part, 1).sum() for part in parts)
    found = perplexity(model, [text, "Hi there"])
    assert (
        found.details["tokens"]
        == len(ids) - 3 + len(model.tokenizer.encode("Hi there")) - 1
    )
    assert found.units[0] * found.details["tokens"] / 2 == pytest.approx(nats, rel=1e-5)


def test_a_model_that_knows_nothing_has_the_vocabulary_as_perplexity(
    tmp_path,
) -> None:
    model = tiny_model(tmp_path, tie_word_embeddings=False)
    size = model.config["vocab_size"]
    model._model.write("weight", "lm_head.weight", np.zeros((size, 32), np.float32))
    assert perplexity(model, ANSWERED).value == pytest.approx(size, rel=1e-6)
    assert refusal_margin(model, ROWS).value == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("texts", "error", "words"),
    [
        ("Hello", TypeError, "list of texts or rows, got one text"),
        ([], ValueError, "at least one row"),
        ([""], ValueError, "at least 2 tokens"),
        ([{"instruction": "Hi"}], ValueError, "output"),
    ],
)
def test_nothing_to_predict_is_refused(model, texts, error, words) -> None:
    with pytest.raises(error, match=words):
        perplexity(model, texts)
