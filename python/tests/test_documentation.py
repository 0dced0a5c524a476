"""What the documentation says is run: Python, commands, names, links."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest

import vaccine_swift as vs
from vaccine_swift import assets
from vaccine_swift.cli import entry

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "python" / "docs"
PAGES = [ROOT / f"{each}.md" for each in ("README", "CONTRIBUTING", "SECURITY")]
PAGES += [ROOT / "RELEASING.md", ROOT / "Sources" / "README.md"]
PAGES += sorted(DOCS.glob("*.md"))
WITH_PYTHON = [page for page in PAGES if "```python" in page.read_text("utf-8")]
# What torch's libraries say of each other's names is theirs.
OF_TORCH = [pytest.mark.reference, pytest.mark.filterwarnings("default")]
COMMANDS = entry.build_parser()._subparsers._group_actions[0].choices
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


def blocks(page: Path, language: str) -> list[str]:
    text = page.read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture(scope="module")
def tiny_path(tmp_path_factory) -> Path:
    """The files of the notebooks' tiny model."""
    path = ROOT / "examples" / "tiny_model.py"
    spec = importlib.util.spec_from_file_location("tiny_model", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    directory = tmp_path_factory.mktemp("tiny")
    module.tiny_model(directory)
    return directory


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=name(page), marks=OF_TORCH * (page.name == "torch.md"))
        for page in WITH_PYTHON
    ],
)
def test_python_blocks_of_a_page_run_in_turn(
    page, tiny_path, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(assets, "fetch_smollm2", lambda: tiny_path)
    names = {"vs": vs, "model": vs.CausalLM.from_pretrained(tiny_path)}
    for block in blocks(page, "python"):
        exec(compile(block, name(page), "exec"), names)


def test_the_readme_trains_saves_and_answers(
    tiny_path, tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(assets, "fetch_smollm2", lambda: tiny_path)
    names: dict[str, object] = {}
    exec(blocks(ROOT / "README.md", "python")[0], names)
    trained = names["model"].adapter_state()
    assert any(value.any() for key, value in trained.items() if "lora_B" in key)
    other = vs.CausalLM.from_pretrained(tiny_path)
    other.load_adapter("aligned")
    assert other.adapter == vs.LoRAConfig(r=16, lora_alpha=16)
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_blocks_that_are_not_run_name_what_exists(page) -> None:
    rooms = {"vs": vs, "drift": vs.drift, "study": vs.study}
    for block in blocks(page, "py"):
        tree = ast.parse(block)
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                room = rooms.get(node.value.id)
                assert room is None or hasattr(room, node.attr), ast.unparse(node)
            elif isinstance(node, ast.ImportFrom) and node.module.startswith("vaccine"):
                assert importlib.util.find_spec(node.module)


def test_the_tutorial_of_two_weeks_prints_what_it_shows(
    tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    page = DOCS / "tutorial_weeks.md"
    exec(compile(blocks(page, "python")[0], name(page), "exec"), {})
    commands = "".join(blocks(page, "sh")).replace("\\\n", " ").splitlines()
    printed, statuses = [], []
    for command in commands:
        statuses.append(entry.main(shlex.split(command)[1:]))
        told = capsys.readouterr()
        printed.append(told.out + told.err)
    assert statuses == [0, 0, 1, 0, 1]
    shown = blocks(page, "text")
    assert [printed[0], printed[3], printed[4]] == [shown[0], shown[2], shown[3]]
    assert printed[2] == printed[0] + shown[1]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_of_a_page_exist(page) -> None:
    for block in blocks(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            program, *words = shlex.split(line, comments=True) or [""]
            if program == "vaccine-swift":
                entry.build_parser().parse_args(words)
            elif program == "make":
                makefile = (ROOT / "Makefile").read_text()
                for target in words:
                    assert re.search(rf"^{target}:.*##", makefile, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_within_sentences_exist(page) -> None:
    text = page.read_text("utf-8")
    for line in re.findall(r"`(vaccine-swift [^`]+)`", text):
        _, command, *words = shlex.split(line.replace("…", ""))
        if command == "COMMAND":
            continue
        assert command in COMMANDS, line
        known = COMMANDS[command]._option_string_actions
        options = [word.partition("=")[0] for word in words if word.startswith("--")]
        assert set(options) <= set(known), line


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_extras_and_targets_of_a_page_exist(page) -> None:
    text = page.read_text("utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for names in re.findall(r"vaccine-swift\[([a-z,]+)\]", text):
        assert set(names.split(",")) <= set(project["optional-dependencies"]), names
    targets = re.findall(
        r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE
    )
    for words in re.findall(r"`make ([a-z -]+?)[` A-Z]", text):
        assert set(words.split()) <= set(targets), words


def test_the_readme_has_the_figures_of_the_results_files(monkeypatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "python" / "benchmarks")
    step_page = importlib.import_module("step_page")
    text = (ROOT / "README.md").read_text("utf-8")
    assert step_page.BEGIN + step_page.table() + step_page.END in text
    assert len(text.splitlines()) < 120


def test_the_table_of_loops_is_that_of_its_results_file(monkeypatch) -> None:
    benchmarks = ROOT / "python" / "benchmarks"
    monkeypatch.syspath_prepend(benchmarks)
    loops_page = importlib.import_module("loops_page")
    page = (DOCS / "coming_from.md").read_text("utf-8")
    (linked,) = re.findall(r"results/(\S*-loops\.json)", page)
    results = json.loads((benchmarks / "results" / linked).read_text("utf-8"))
    assert loops_page.table(results) in page


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_of_a_page_lead_somewhere(page) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        path, _, anchor = target.partition("#")
        if target.startswith("http"):
            continue
        linked = page.parent / path if path else page
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text("utf-8"), re.MULTILINE)
            assert anchor in {_anchor(heading) for heading in headings}


def test_the_site_has_every_page_and_the_citation_the_version() -> None:
    settings = (ROOT / "mkdocs.yml").read_text("utf-8")
    named = re.findall(r": ([\w/]+\.md)$", settings, re.MULTILINE)
    pages = [str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")]
    assert sorted(named) == sorted(pages)
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    assert re.search("^version: (.*)$", citation, re.MULTILINE)[1] == vs.__version__


def test_the_api_page_names_everything_public() -> None:
    page = (DOCS / "api.md").read_text("utf-8")
    words = set(re.findall(r"\w+", page))
    public = {*vs.__all__, *vs.data.__all__}
    public |= {member for member in dir(vs.CausalLM) if not member.startswith("_")}
    assert public <= words


def test_the_reference_has_everything_public_once() -> None:
    pages = [page.read_text("utf-8") for page in (DOCS / "reference").glob("*.md")]
    entries = re.findall(r"^::: (\S+)$", "\n".join(pages), re.MULTILINE)
    assert len(set(entries)) == len(entries)
    names = {entry.rpartition(".")[2] for entry in entries}
    modules = {"data", "drift", "methods", "study", "distributed"}
    assert {"data", "drift", "study"} <= names
    assert {*vs.__all__, *vs.methods.__all__} - modules - {"__version__"} <= names


def test_everything_public_has_a_docstring() -> None:
    for exported in (*vs.__all__, *(f"data.{each}" for each in vs.data.__all__)):
        value = vs
        for part in exported.split("."):
            value = getattr(value, part)
        if callable(value):
            assert value.__doc__, exported
            assert "\n" in value.__doc__ or len(value.__doc__) > 20, exported


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=name)
def test_notebooks_are_stored_as_run_without_errors_or_paths(notebook) -> None:
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert all(output["output_type"] != "error" for output in outputs)
    told = json.dumps(
        [{**o, "data": {**o.get("data", {}), "image/png": ""}} for o in outputs]
    )
    assert not re.search(r"/(tmp|root|home|work)/", told)


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
