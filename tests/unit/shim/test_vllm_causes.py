import os
from pathlib import Path

from xinf.shim.backends.vllm.causes import Log, root_cause

FAILED = """\
(EngineCore pid=7) INFO 11-23 20:07:52 [core.py:133] Initializing
(Worker pid=8) ERROR 11-23 20:07:52 [executor.py:1063] torch.OutOfMemoryError: CUDA out of memory.
(EngineCore pid=7) ERROR 11-23 20:07:52 [core.py:1510]     raise ValueError(
(EngineCore pid=7) ERROR 11-23 20:07:52 [core.py:1512] RuntimeError: Worker failed with error 'CUDA
(EngineCore pid=7) ERROR 11-23 20:07:52 [core.py:1510] Exception: WorkerProc initialization failed \
due to an exception in a background process. See stack trace for root cause.
RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}
"""


def test_the_first_exception_that_tells_of_no_other_is_the_cause() -> None:
    assert root_cause(FAILED) == "torch.OutOfMemoryError: CUDA out of memory."


def test_a_plain_traceback_is_read_too() -> None:
    text = "Traceback (most recent call last):\n  File x\nsubprocess.CalledProcessError: lscpu\n"
    assert root_cause(text) == "subprocess.CalledProcessError: lscpu"


def test_where_nothing_was_raised_there_is_no_cause() -> None:
    assert root_cause("") == ""
    assert root_cause("(Worker pid=8) WARNING [x.py:1] an Error: of some kind was avoided\n") == ""


def test_only_what_is_written_from_now_on_counts(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb", buffering=0) as file:
        file.write(b"ValueError: of an earlier start\n")
        log = Log(file.fileno())
        assert log.cause() == ""
        file.write(b"KeyError: 'now'\n")
        assert log.cause() == "KeyError: 'now'"


def test_a_pipe_cannot_be_read_again() -> None:
    reader, writer = os.pipe()
    try:
        os.write(writer, b"ValueError: x\n")
        assert Log(writer).cause() == ""
    finally:
        os.close(reader)
        os.close(writer)
