"""Stages that share a model of the torch engine find what models of their own do."""

from __future__ import annotations

import contextlib

import pytest
from study_support import tiny_study, without_clock, write_study_model

from vaccine_swift import study
from vaccine_swift.study.base_model import BaseModel

pytestmark = pytest.mark.reference


@pytest.mark.parametrize("lora", ["double", "single"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_study_has_the_bits_of_models_opened_for_each_stage(
    tmp_path, monkeypatch, dtype, lora
):
    config = tiny_study(
        write_study_model(tmp_path / "model"),
        methods=("none", "sft", "vaccine"),
        engine="torch",
        device="cpu",
        dtype=dtype,
        lora=lora,
    )
    shared = study.run(config, tmp_path / "shared", progress=False)

    @contextlib.contextmanager
    def opened_anew(self, settings, adapted):
        yield self.model(settings, adapted)

    monkeypatch.setattr(BaseModel, "lent", opened_anew)
    anew = study.run(config, tmp_path / "anew", progress=False)
    assert without_clock(shared.rows) == without_clock(anew.rows)
    for file in (tmp_path / "anew" / "stages").glob("*/adapter_model.safetensors"):
        other = tmp_path / "shared" / "stages" / file.parent.name / file.name
        assert other.read_bytes() == file.read_bytes()
