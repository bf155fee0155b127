from xinf.runtime.meter import DownloadMeter

OUTPUT = """Collecting tiny==1.0
  Downloading tiny-1.0.whl (1.0 kB)
Progress 0 of 1000
Progress 600 of 1000
Progress 1000 of 1000
Processing /somewhere/local-1.0.whl
Collecting other==2.0
  Downloading other-2.0.whl (3.0 kB)
Progress 500 of 3000
"""


def test_bytes_add_up_over_files() -> None:
    meter = DownloadMeter()
    seen = [meter.done for line in OUTPUT.splitlines() if meter.feed(line)]
    assert seen == [0, 600, 1000, 1500]
    assert meter.total == 4000


def test_other_lines_move_nothing() -> None:
    meter = DownloadMeter()
    assert not meter.feed("WARNING: Progress is slow")
    assert meter.done == 0
