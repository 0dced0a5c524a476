"""Chat templates: what they may use, and what they may not cost."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from chat_templates import MESSAGES, TEMPLATES, TOKENS, TOOLS

from vaccine_swift.text import chat_template
from vaccine_swift.text.chat_template import render_chat


def render(template: str, **variables: object) -> str:
    return render_chat(
        template,
        MESSAGES,
        add_generation_prompt=False,
        tools=TOOLS,
        variables={**TOKENS, **variables},
    )


def test_templates_give_what_transformers_gives() -> None:
    # Written by hand; the reference tests compare all of them with transformers.
    aliased = json.loads(json.dumps(MESSAGES))
    aliased[1] = {"thinking": "Hm.", **aliased[1], "reasoning_content": "Hm."}
    expected = [
        json.dumps(aliased, ensure_ascii=False),
        json.dumps(TOOLS, sort_keys=True),
        json.dumps(MESSAGES[2]["tool_calls"], separators=(",", ":"), sort_keys=True),
        json.dumps(MESSAGES[2]["tool_calls"], indent=2),
        json.dumps(MESSAGES[0]),
        json.dumps(MESSAGES[0], indent="\t", ensure_ascii=False),
        "userassistant",
        "user",
        "U\n",
        "ba",
        "Hello|",
        "ab",
        "Hm.Hm.",
        "True",
    ]
    found = [render(template) for template in TEMPLATES[: len(expected)]]
    assert found == expected
    assert render(TEMPLATES[17], mood="calm") == "FalseTruecalm"
    assert render(TEMPLATES[18]) == "<s></s>False<sep>"


HUNGRY = [
    "{{ 'a' * 10**11 }}",
    "{{ '%99999999999d' % 1 }}",
    "{{ 'a'.ljust(10**11) }}",
    (
        "{% set ns = namespace(x='abcdefgh') %}{% for i in range(40) %}"
        "{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}"
    ),
    "{{ 'a' * 70000000 }}",
    "{{ messages | tojson(indent=2000000000) }}",
]


@pytest.mark.parametrize("template", HUNGRY)
def test_a_template_that_builds_gigabytes_is_refused(template: str) -> None:
    message = r"^chat_template: (needs more than 1024 MiB|gives more than 67,108,864)"
    with pytest.raises(ValueError, match=message):
        render(template)
    assert render("{{ messages[1].content }}") == "Hello"


ENDLESS = [
    "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    (
        "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}"
        "{% endmacro %}{{ f(60) }}"
    ),
    "{{ 9 ** 999999999 % 7 }}",
]


@pytest.mark.parametrize("template", ENDLESS)
def test_a_template_that_does_not_end_is_ended(
    template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    render("")  # the process is there
    monkeypatch.setattr(chat_template, "SECONDS", 1)
    began = time.monotonic()
    with pytest.raises(ValueError, match="^chat_template: takes longer than 1 s$"):
        render(template)
    assert time.monotonic() - began < 30
    assert render("{{ messages[1].content }}") == "Hello"


def test_a_template_waits_for_a_busy_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    render("")
    monkeypatch.setattr(chat_template, "SECONDS", 1)
    process = chat_template._WORKER._process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    threading.Timer(1.5, process.send_signal, (signal.SIGCONT,)).start()
    assert render("{{ messages[1].content }}") == "Hello"
    assert time.monotonic() - began > 1.4
    assert chat_template._WORKER._process is process


def test_ctrl_c_is_heard_while_a_template_is_rendered() -> None:
    render("")
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        render(ENDLESS[0])
    assert time.monotonic() - began < 3
    assert render("{{ messages[1].content }}") == "Hello"


@pytest.mark.parametrize(
    "template",
    [
        "{{ messages.__class__.__mro__ }}",
        "{{ ''.__class__.__base__.__subclasses__() }}",
        "{{ raise_exception.__globals__.os }}",
        "{{ dict.mro() }}",
        "{{ namespace(**{'__class__': 1}) }}",
        "{{ messages.append(1) }}",
        "{{ lipsum.__globals__['os'] }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{{ 1 // 0 }}",
        "{{ messages | nofilter }}",
        "{{ '\ud800' }}{{ undefined.x.y }}",
        "{% include 'x' %}",
    ],
)
def test_what_a_template_may_not_do_is_a_value_error(template: str) -> None:
    with pytest.raises(ValueError, match="^chat_template: .+"):
        render(template)


def test_any_text_passes_there_and_back() -> None:
    for text in ("日本\u2028\x00\x1b", "\ud800", "x" * 5_000_000):
        assert render("{{ text }}", text=text) == text


def test_threads_and_a_forked_child_get_their_own_answers() -> None:
    texts = [f"<{index}>" * 50 for index in range(200)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda text: render("{{ text }}", text=text), texts))
    assert found == texts
    child = os.fork()
    if child == 0:
        os._exit(0 if render("{{ text }}", text="child") == "child" else 1)
    assert render("{{ text }}", text="parent") == "parent"
    assert os.waitpid(child, 0)[1] == 0
    assert render("{{ text }}", text="parent") == "parent"


def test_a_process_that_was_killed_is_started_again() -> None:
    render("")
    process = chat_template._WORKER._process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert render("{{ messages[1].content }}") == "Hello"
