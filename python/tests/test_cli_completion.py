"""``vaccine-swift --completion SHELL``, tried in bash itself."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vaccine_swift.cli import main


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as caught:
        main(["--completion", shell])
    assert caught.value.code == 0
    return capsys.readouterr().out


def completed(source: str, directory: Path, *words: str) -> set[str]:
    """What bash offers for the last of `words`."""
    (directory / "script").write_text(source)
    (directory / "rows.jsonl").touch()
    line = " ".join(words)
    program = f"""
        source ./script
        COMP_WORDS=({" ".join(repr(word) for word in words)})
        COMP_CWORD={len(words) - 1}
        COMP_LINE={line!r}; COMP_POINT={len(line)}
        function_name=$(complete -p vaccine-swift | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        $function_name vaccine-swift {words[-1]!r} {words[-2]!r}
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    bash = ["bash", "--noprofile", "--norc", "-c", program]
    result = subprocess.run(
        bash, cwd=directory, capture_output=True, text=True, check=True
    )
    return {line.strip() for line in result.stdout.splitlines()}


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_commands_options_and_files(tmp_path, capsys) -> None:
    pytest.importorskip("shtab")
    source = script("bash", capsys)
    assert {"align", "merge", "study"} <= completed(
        source, tmp_path, "vaccine-swift", ""
    )
    offered = completed(source, tmp_path, "vaccine-swift", "align", "--learn")
    assert offered == {"--learning-rate"}
    offered = completed(source, tmp_path, "vaccine-swift", "align", "--data", "ro")
    assert offered == {"rows.jsonl"}
    offered = completed(source, tmp_path, "vaccine-swift", "align", "--method", "va")
    assert offered == {"vaccine"}


@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_other_shells_have_a_script(shell, capsys) -> None:
    pytest.importorskip("shtab")
    assert "vaccine-swift" in script(shell, capsys)


def test_what_is_missing_or_unknown_is_named(monkeypatch, capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--completion", "fish"])
    assert caught.value.code == 2
    assert "--completion" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "shtab", None)
    with pytest.raises(SystemExit):
        main(["--completion", "bash"])
    assert "pip install shtab" in capsys.readouterr().err
