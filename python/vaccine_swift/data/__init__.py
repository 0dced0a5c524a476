"""Training data: rows from files, prompt templates, labelled examples, a shipped set.

    >>> import vaccine_swift as vs
    >>> train = vs.data.load("train.jsonl", model.tokenizer)  # doctest: +SKIP
    >>> rows = vs.data.alignment_rows(seed=0)
    >>> rows[0].keys() >= {"instruction", "input", "output"}
    True

Each step is a module: `rows` reads, `formats` recognises columns, `templates` puts the
prompt into words, `encoding` tokenises and labels, `dataset` ties them together;
`proxy` is the harmless set that ships with the package.
"""

from vaccine_swift.data.dataset import Dataset, load
from vaccine_swift.data.formats import FORMATS
from vaccine_swift.data.load_report import LoadReport
from vaccine_swift.data.prompts import load_prompts
from vaccine_swift.data.shipped import alignment_rows, proxy
from vaccine_swift.data.templates import TEMPLATES, render_prompt

__all__ = [
    "FORMATS",
    "TEMPLATES",
    "Dataset",
    "LoadReport",
    "alignment_rows",
    "load",
    "load_prompts",
    "proxy",
    "render_prompt",
]
