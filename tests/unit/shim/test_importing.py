import gc

import pytest

from xinf.shim.importing import large_import


def test_no_garbage_is_looked_for_and_what_was_made_is_not_looked_at_again() -> None:
    frozen = gc.get_freeze_count()
    try:
        with large_import():
            assert not gc.isenabled()
        assert gc.isenabled()
        assert gc.get_freeze_count() > frozen
    finally:
        gc.unfreeze()


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with large_import():
            pass
        assert not gc.isenabled()
    finally:
        gc.unfreeze()
        gc.enable()


def test_a_failed_import_leaves_the_collector_as_it_was() -> None:
    with pytest.raises(ModuleNotFoundError), large_import():
        __import__("no_such_module_anywhere")
    gc.unfreeze()
    assert gc.isenabled()
