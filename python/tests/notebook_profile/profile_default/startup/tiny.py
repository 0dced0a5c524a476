"""Run at the start of a notebook's kernel: a random model, and a study of seconds.

`make test-notebooks` gives a copy of this profile to IPython, so that the cells of the
notebooks are tested as they stand.
"""

import functools
import importlib.util
import os
import tempfile
from pathlib import Path

from vaccine_swift import assets, study

SMALL = {
    "task": "arithmetic",
    "samples": 10,
    "align_steps": 2,
    "attack_steps": 2,
    "limit": 2,
    "drift_prompts": 3,
    "drift_every": 1,
}


@functools.cache
def tiny_path() -> Path:
    """The files of the tiny model of the examples."""
    path = Path(os.environ["VACCINE_EXAMPLES"]) / "tiny_model.py"
    spec = importlib.util.spec_from_file_location("tiny_model", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    directory = Path(tempfile.mkdtemp())
    module.tiny_model(directory)
    return directory


assets.fetch_smollm2 = tiny_path
study.preset = functools.partial(study.preset, **SMALL)
