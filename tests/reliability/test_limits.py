"""Every limit that can be set has the listener's own default and a line in the documentation."""

from pathlib import Path

from csms.gateway.house import GatewaySettings
from csms.settings import LimitSettings

TEXT = (Path(__file__).parents[2] / "docs" / "reliability.md").read_text()


def test_the_settings_are_the_listeners_own() -> None:
    given, own = LimitSettings().model_dump(), GatewaySettings()
    assert given == {name: getattr(own, name) for name in given}


def test_every_limit_is_documented() -> None:
    assert [name for name in LimitSettings.model_fields if f"`limits.{name}`" not in TEXT] == []
