"""Memory that is left, as the process's limits have it."""

from __future__ import annotations

from pathlib import Path

from core_support import run_script

from vaccine_swift import _core


def test_it_is_what_the_machine_has_at_most() -> None:
    with Path("/proc/meminfo").open() as file:
        total = int(file.readline().split()[1]) * 1024
    assert 1 << 20 < _core.available_memory() <= total


def test_a_limit_on_address_space_counts() -> None:
    run_script(
        """
        import resource
        taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        limit = taken + (300 << 20)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        left = _core.available_memory()
        assert 250 << 20 < left <= 300 << 20, left
        try:
            _core.Model(configuration(vocabulary_size=2**20, hidden_size=128,
                                      head_size=32))
        except MemoryError as error:
            assert "the model needs" in str(error) and "MB of memory are" in str(error)
        else:
            raise AssertionError("a model of 1 GB fits into 300 MB")
        """
    )
