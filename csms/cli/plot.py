"""The picture of an event: target, measured power, lowest SoC margin."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from csms.cli.outcome import Failed
from csms.cli.rest import Object


def save(dispatches: Sequence[Object], title: str, file: Path) -> None:
    """Write a PNG from an event's dispatches."""
    import matplotlib  # half a second that only a picture shall cost

    matplotlib.use("Agg")
    from matplotlib import pyplot

    start = datetime.fromisoformat(dispatches[0]["at"])
    minutes = [(datetime.fromisoformat(one["at"]) - start).total_seconds() / 60 for one in dispatches]
    margins = [(at, one["lowestSocMargin"]) for at, one in zip(minutes, dispatches, strict=True)]
    known = [(at, margin) for at, margin in margins if margin is not None]
    figure, (power, soc) = pyplot.subplots(
        2, 1, sharex=True, figsize=(10, 6), height_ratios=(3, 1), layout="constrained"
    )
    power.step(
        minutes, [one["targetW"] / 1e3 for one in dispatches], where="post", label="target", color="black"
    )
    power.plot(minutes, [one["measuredW"] / 1e3 for one in dispatches], label="measured", color="tab:green")
    power.axhline(0.0, color="grey", linewidth=0.5)
    power.set_ylabel("power of the fleet, kW\n(negative: into the grid)")
    power.set_title(title)
    power.legend(loc="upper right")
    soc.plot([at for at, _ in known], [margin for _, margin in known], color="tab:blue")
    soc.axhline(0.0, color="tab:red", linewidth=1.0)
    soc.set_ylabel("lowest SoC\nabove reserve, %")
    soc.set_xlabel("minutes since the event began")
    try:
        figure.savefig(file, dpi=120)
    except OSError as error:
        raise Failed(f"{file} cannot be written: {error.strerror}") from None
    finally:
        pyplot.close(figure)
