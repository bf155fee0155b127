from collections.abc import Callable
from pathlib import Path

import pytest

from xinf.runtime.intact import damage, site_packages
from xinf.runtime.lock import Pin

PINS = (Pin("A.Part", "1.0", 0), Pin("other", "2.0+cpu", 0))
RECORD = """\
a_part/__init__.py,sha256=x,7
"a_part/with, comma.txt",sha256=x,1
a_part/__pycache__/__init__.cpython-311.pyc,,
../../../bin/a-part,sha256=x,9
a_part-1.0.dist-info/RECORD,,
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Where two distributions are installed, one of them with a script."""
    site = site_packages(tmp_path, "3.11")
    files = {
        "a_part/__init__.py": "x" * 7,
        "a_part/with, comma.txt": "x",
        "a_part-1.0.dist-info/RECORD": RECORD,
        "other-2.0+cpu.dist-info/RECORD": "",
        "../../../bin/a-part": "x" * 9,
    }
    for path, text in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text)
    return site


def test_an_untouched_one_is_whole_also_without_its_compiled_files(site: Path) -> None:
    assert damage(site, PINS) == ""


def shorten(path: str) -> Callable[[Path], object]:
    return lambda site: (site / path).write_text("x")


def remove(path: str) -> Callable[[Path], object]:
    return lambda site: (site / path).unlink()


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (remove("a_part/__init__.py"), "a_part/__init__.py of A.Part==1.0"),
        (shorten("a_part/__init__.py"), "a_part/__init__.py of A.Part==1.0"),
        (remove("a_part/with, comma.txt"), "a_part/with, comma.txt of A.Part==1.0"),
        (remove("../../../bin/a-part"), "../../../bin/a-part of A.Part==1.0"),
        (shorten("a_part-1.0.dist-info/RECORD"), "RECORD of A.Part==1.0"),
        (remove("a_part-1.0.dist-info/RECORD"), "A.Part==1.0 is not there"),
    ],
)
def test_what_is_amiss_is_named(site: Path, harm: Callable[[Path], object], told: str) -> None:
    harm(site)
    assert damage(site, PINS).startswith(told)


def test_another_version_is_not_the_one_that_is_pinned(site: Path) -> None:
    assert damage(site, (Pin("a-part", "1.1", 0),)) == "a-part==1.1 is not there"
