"""Chat templates against transformers, on what either of them offers a template."""

from __future__ import annotations

import pytest
from chat_templates import MESSAGES, TEMPLATES, TOKENS, TOOLS

from vaccine_swift.text.chat_template import render_chat

pytestmark = pytest.mark.reference


@pytest.mark.parametrize("tools", [TOOLS, None])
@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_gives_the_text_that_transformers_gives(template, tools) -> None:
    utils = pytest.importorskip("transformers.utils.chat_template_utils")
    variables = {**TOKENS, "mood": "calm"}
    (expected,), _ = utils.render_jinja_template(
        [MESSAGES],
        tools=tools,
        chat_template=template,
        add_generation_prompt=True,
        **variables,
    )
    found = render_chat(
        template,
        MESSAGES,
        add_generation_prompt=True,
        tools=tools,
        variables=variables,
    )
    assert found == expected
