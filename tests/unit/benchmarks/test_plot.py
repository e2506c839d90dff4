from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.compare.figures import Figures, Spread
from benchmarks.compare.finite import Run
from benchmarks.compare.results import Result, Results, read, write
from benchmarks.plot import main, svg
from ironstream.bench.measure import machine
from ironstream.errors import ConfigurationError


def result(title: str, rate: float, *, measured: bool = True) -> Result[Run, Figures]:
    spread = Spread(rate, rate * 0.9, rate * 1.1)
    figures = Figures(3, spread, Spread(9.5, 9.0, 10.0), spread, spread, spread) if measured else None
    return Result(title, machine(own_kafka=True), "2025-01-01T00:00:00+00:00", 2, [], figures)


KIND = Results[Run, Figures]
RESULTS = KIND(
    "w1",
    "W1: a & b",
    {
        "slow": result("Slow <one>", 1_234),
        "ironstream": result("ours", 56_789),
        "none": result("None", 1, measured=False),
    },
    {},
    {},
)


def test_the_picture_has_every_contender_that_has_figures_the_fastest_first() -> None:
    texts = [text.text for text in ElementTree.fromstring(svg(RESULTS)).iter("{http://www.w3.org/2000/svg}text")]

    assert "W1: a & b" in texts
    assert texts.index("ours") < texts.index("Slow <one>")
    assert {"56,789", "1,234", "9.5"} <= set(texts)
    assert "None" not in texts


def test_without_figures_there_is_no_picture() -> None:
    with pytest.raises(ValueError, match="no figures"):
        svg(KIND("w1", "W1", {}, {}, {}))


def test_results_are_read_as_they_were_written_and_drawn_beside_their_file(tmp_path: Path) -> None:
    write(tmp_path / "w1.json", RESULTS)

    assert read(tmp_path / "w1.json", KIND) == RESULTS
    assert main([str(tmp_path)]) == 0
    assert (tmp_path / "w1.svg").read_text(encoding="utf-8") == svg(RESULTS)


def test_a_file_that_holds_no_results_is_named(tmp_path: Path) -> None:
    (tmp_path / "w1.json").write_text("{}", encoding="utf-8")

    with pytest.raises(ConfigurationError, match=r"w1\.json holds no results"):
        read(tmp_path / "w1.json", KIND)


def test_an_empty_folder_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 1
    assert "make bench-peers" in capsys.readouterr().err
