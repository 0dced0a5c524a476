"""Chat templates that use what transformers offers, and what they are rendered with."""

from __future__ import annotations

MESSAGES = [
    {"role": "user", "content": "Grüße <b> 'x'"},
    {"role": "assistant", "content": "Hello", "reasoning": "Hm."},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {
                "type": "function",
                "function": {"name": "add", "arguments": {"b": 1, "a": [1, 2.5, None]}},
            }
        ],
    },
]
TOOLS = [{"type": "function", "function": {"name": "add", "parameters": {"b": 1}}}]

TEMPLATES = [
    "{{ messages | tojson }}",
    "{{ tools | tojson(sort_keys=true) }}",
    "{{ messages[2].tool_calls | tojson(separators=(',', ':'), sort_keys=true) }}",
    "{{ messages[2].tool_calls | tojson(indent=2) }}",
    "{{ messages[0] | tojson(true) }}",
    "{{ messages[0] | tojson(indent='\t') }}",
    (
        "{% for m in messages %}{% if loop.index == 2 %}{% continue %}{% endif %}"
        "{{ m.role }}{% endfor %}"
    ),
    "{% for m in messages %}{{ m.role }}{% break %}{% endfor %}",
    (
        "{% for m in messages %}\n    {% if m.role == 'user' %}\nU\n    {% endif %}\n"
        "{% endfor %}\n"
    ),
    (
        "{% set x = 'a' %}{% generation %}{% set x = 'b' %}{{ x }}{% endgeneration %}"
        "{{ x }}"
    ),
    "{% generation %}{{ messages[1].content }}{% endgeneration %}|",
    "{%- generation -%} a {%- endgeneration -%} b",
    "{{ messages[1].reasoning_content }}{{ messages[1].thinking }}",
    (
        "{% set ns = namespace(found=false, x=1) %}"
        "{% for m in messages %}{% set ns.found = true %}{% endfor %}{{ ns.found }}"
    ),
    "{{ namespace(**{'a': 1}).a }}{{ namespace({'b': 2}).b }}",
    "{{ dict(a=1, b=messages[0].role) }}{{ dict.fromkeys(['a'], 1) }}",
    "{{ strftime_now('%Y') | length }}",
    "{{ tools is none }}{{ documents is none }}{{ undefined_name }}{{ mood }}",
    "{{ bos_token }}{{ eos_token }}{{ pad_token is defined }}{{ sep_token }}",
    "{{ messages[0].content | e }}{{ messages[0]['content'] | upper | trim }}",
    "{% macro show(m) %}[{{ m.role }}]{% endmacro %}{{ show(messages[0]) }}",
    "{{ messages | map(attribute='role') | join(',') }}{{ messages | length }}",
    "{{ messages[2].tool_calls[0].function.arguments.items() | list }}",
    "{{ (messages | selectattr('role', 'equalto', 'user') | list | first).content }}",
    "{{ messages[0].content.split(' ')[0] }}{{ messages[::-1][0].role }}",
    "{{ 'x' if messages[0].name is not defined else 'y' }}{{ messages[0].get('z') }}",
]
"""Rendered with `MESSAGES`, `TOOLS`, ``mood="calm"`` and a few special tokens."""

TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "sep_token": "<sep>"}
