"""Families: names of tensors in each kind of file, and what a description builds."""

from __future__ import annotations

import pytest

import vaccine_swift as vs
from vaccine_swift import _core
from vaccine_swift.checkpoints.gguf import hugging_face_name
from vaccine_swift.families import FAMILIES, GGUF_FAMILIES, core_configuration
from vaccine_swift.families.llama import LLAMA


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_targets_are_modules_of_a_layer(family) -> None:
    modules = [
        name.rpartition(".")[2] for name in family.modules.values() if "{layer}" in name
    ]
    assert [name for name in modules if name in family.lora_targets] == list(
        family.lora_targets
    )


@pytest.mark.parametrize("family", GGUF_FAMILIES.values(), ids=GGUF_FAMILIES)
def test_every_gguf_name_stands_for_one_module(family) -> None:
    names = family.gguf.modules
    assert names.keys() <= family.modules.keys()
    assert family.gguf.paired_rows.keys() <= names.keys()
    found = set()
    for word, own in names.items():
        template = family.modules[word]
        prefix = "blk.7." if "{layer}" in template else ""
        for kind in ("weight", "bias"):
            name = hugging_face_name(f"{prefix}{own}.{kind}", family)
            assert name == f"{template.replace('{layer}', '7')}.{kind}"
            found.add(name)
    assert len(found) == 2 * len(names)


@pytest.mark.parametrize(
    "name",
    [
        "rope_freqs.weight",
        "attn_q.weight",
        "blk.attn_q.weight",
        "blk.x.attn_q.weight",
        "blk.0.token_embd.weight",
        "blk.0.other.weight",
        "blk.0",
        "token_embd",
        "",
    ],
)
def test_other_gguf_names_stay_as_they_are(name: str) -> None:
    assert hugging_face_name(name, LLAMA) == name


@pytest.mark.parametrize("kind", ["llama", "mistral"])
def test_a_description_builds_the_tensors_that_the_family_names(kind: str) -> None:
    config = vs.tiny_config(
        model_type=kind, tie_word_embeddings=False, sliding_window=None
    )
    model = _core.Model(core_configuration(config))
    found = [name for name, _ in model.tensors("weight")]
    expected = [
        f"{name.replace('{layer}', str(layer))}.weight"
        for name in FAMILIES[kind].modules.values()
        for layer in range(2 if "{layer}" in name else 1)
    ]
    assert sorted(found) == sorted(expected)
