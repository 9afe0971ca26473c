"""Composite schedules against vectors from EVerest's tests (V)."""

from dataclasses import replace

import pytest

from chargepoint_sim.profiles.profile import Profile
from tests.unit.chargepoint_sim.profile_texts import (
    DAILY,
    DAY,
    DEFAULT,
    EXTERNAL,
    MAX,
    RELATIVE,
    TX,
    A,
    W,
    at,
    hourly,
    made,
    steps_of,
    told,
)

ABSOLUTE_301 = replace(
    made(DEFAULT, "0:32 1800:31 2700:30", A, start="2024-01-01 12:02", duration=3600, stack=5),
    valid_from=at("2024-01-01 12:00"),
    valid_to=at("2024-01-01 14:00"),
)
GRID = made(TX, hourly(1, 1, "/1"), kind=DAILY, start="2024-01-17 00:00", duration=DAY)
LAYER = made(TX, "0:2000/1", start="2024-01-17 18:04", duration=1080, stack=1)
LAYER_DAILY = made(TX, "0:2000/1", kind=DAILY, start="2024-01-17 18:04", duration=1080, stack=1)
BASE_TOP = made(TX, "0:2000/1", kind=DAILY, start="2024-01-17 18:00", duration=1080, stack=1)
BASE = made(TX, "0:11000/3 28800:6000/3 72000:12000/3", kind=DAILY, start="2023-01-17 17:00", duration=DAY)
ONE_TOP = made(TX, "0:2000/1", start="2024-01-17 18:00", duration=1080, stack=1)
ONE = made(TX, "0:11000/1 28800:6000/1 72000:12000/1", kind=DAILY, start="2023-01-17 17:00", duration=DAY)
RELATIVE_TOP = made(TX, "0:2000", kind=RELATIVE, duration=3601, stack=1)
MAXIMUM = made(MAX, hourly(10, 10), kind=DAILY, start="2024-01-17 00:00")
MAX_TX = made(TX, "0:2000", start="2024-01-17 00:00", duration=3600)
MAX_TX_LATE = made(TX, "0:10", start="2024-01-17 23:00", duration=3600, stack=1)
OCTT = [
    (0, made(MAX, "0:10", A, start="2024-08-21 12:24:36", duration=86_404)),
    (
        1,
        replace(
            made(DEFAULT, "0:6 60:10 120:8 180:15 260:8", A, start="2024-08-21 12:24:36", duration=304),
            valid_to=at("2024-08-21 12:31:25"),
        ),
    ),
    (1, made(TX, "0:8 50:11 140:16 200:6 240:12", A, start="2024-08-21 12:24:36", duration=264)),
]
STATION_401 = made(
    MAX, "0:24/1 900:28/1 1800:30/1 2700:32/1", A, DAILY, start="2024-01-01 08:00", duration=DAY
)
RELATIVE_303 = made(DEFAULT, "0:16 1800:15 2700:14", A, RELATIVE)
WATT_25 = made(DEFAULT, "0:12420 300:8280 600:6210 900:4140 1200:2070", W, RELATIVE)
AMPERE_24 = made(
    MAX, "0:16/1 3600:16/3 7200:10/1 10800:10/3", A, DAILY, start="2024-01-01 00:00", duration=DAY
)
DAILY_301 = made(DEFAULT, "0:16 1800:15 2700:14", A, DAILY, start="2024-01-01 08:00", duration=3600)
RELATIVE_302 = made(DEFAULT, "0:16/3 1800:15/1 2700:14/3", A, RELATIVE)
DAILY_302 = made(DEFAULT, "0:16/1 1800:15/1 2700:14/3", A, DAILY, start="2024-01-01 08:00", duration=3600)
NO_GAP = [
    (1, made(DEFAULT, "0:16", A, DAILY, start="2024-01-01 08:00", duration=300)),
    (1, made(DEFAULT, "0:12", A, DAILY, start="2024-01-01 08:05", duration=300, stack=1)),
]
MIXED = made(DEFAULT, "0:1000 70:7000 140:0 210:6000 280:1500 350:5000", W, RELATIVE)
EVERY_HOUR = " ".join(f"{3600 * hour}:{hour + 1}" for hour in range(24))


@pytest.mark.parametrize(
    ("profiles", "window", "expected", "options"),
    [
        pytest.param([], ("2024-01-02", 3600), "0:57", {"unit": A}, id="V1"),
        pytest.param(
            [(0, ABSOLUTE_301)],
            ("2024-01-01 12:01:59", "2024-01-01 13:02:01"),
            "0:57 1:32 1801:31 2701:30 3601:57",
            {"unit": A},
            id="V2",
        ),
        pytest.param([(0, ABSOLUTE_301)], ("2024-01-01 12:02", 1), "0:32", {"unit": A}, id="V3-1s"),
        pytest.param([(0, ABSOLUTE_301)], ("2024-01-01 12:02", 0), "0:32", {"unit": A}, id="V3-0s"),
        pytest.param([(0, ABSOLUTE_301)], ("2024-01-01 12:02", -1), "0:32", {"unit": A}, id="V3-less"),
        pytest.param([(1, GRID)], ("2024-01-17", DAY), EVERY_HOUR, {}, id="V4"),
        pytest.param([(1, GRID), (1, LAYER)], ("2024-01-18 18:04", "2024-01-18 18:22"), "0:19", {}, id="V5a"),
        pytest.param(
            [(1, GRID), (1, LAYER)], ("2024-01-17 18:04", "2024-01-17 18:33"), "0:2000 1080:19", {}, id="V5b"
        ),
        pytest.param(
            [(1, GRID), (1, LAYER)],
            ("2024-01-17 18:04", "2024-01-17 19:04"),
            "0:2000 1080:19 3360:20",
            {},
            id="V5c",
        ),
        pytest.param(
            [(1, GRID), (1, LAYER_DAILY)], ("2024-02-17 18:04", "2024-02-17 18:05"), "0:2000", {}, id="V6a"
        ),
        pytest.param(
            [(1, GRID), (1, LAYER_DAILY)],
            ("2024-02-19 18:00", "2024-02-19 19:04"),
            "0:19 240:2000 1320:19 3600:20",
            {},
            id="V6b",
        ),
        pytest.param([(1, LAYER)], ("2024-01-17 18:00", "2024-01-17 18:05"), "0:55612 240:2000", {}, id="V7"),
        pytest.param(
            [(1, BASE_TOP), (1, BASE)],
            ("2024-01-17 18:01", "2024-01-18 06:00"),
            "0:2000 1020:11000 25140:6000",
            {},
            id="V8",
        ),
        pytest.param(
            [(1, ONE_TOP), (1, ONE)],
            ("2024-01-17 18:00", "2024-01-18 06:00"),
            "0:2000 1080:11000 25200:6000",
            {},
            id="V9-17th",
        ),
        pytest.param(
            [(1, ONE_TOP), (1, ONE)],
            ("2024-01-19 18:00", "2024-01-20 06:00"),
            "0:11000 25200:6000",
            {},
            id="V9-19th",
        ),
        pytest.param(
            [(1, RELATIVE_TOP), (1, GRID)],
            ("2024-05-17 05:00", "2024-05-17 06:00"),
            "0:2000",
            {"started": {1: "2024-05-17 05:00"}},
            id="V10-hour",
        ),
        pytest.param(
            [(1, RELATIVE_TOP), (1, GRID)],
            ("2024-05-17 05:00", "2024-05-17 06:01"),
            "0:2000 3601:7",
            {"started": {1: "2024-05-17 05:00"}},
            id="V10-more",
        ),
        pytest.param(
            [(0, MAXIMUM), (1, MAX_TX), (1, MAX_TX_LATE)],
            ("2024-01-17 00:00", "2024-01-17 02:00"),
            "0:10 3600:20",
            {},
            id="V11-early",
        ),
        pytest.param(
            [(0, MAXIMUM), (1, MAX_TX), (1, MAX_TX_LATE)],
            ("2024-01-17 22:00", "2024-01-18 00:00"),
            "0:230 3600:10",
            {},
            id="V11-late",
        ),
        pytest.param(
            [(0, replace(MAXIMUM, purpose=EXTERNAL)), (0, replace(MAX_TX, purpose=MAX)), (1, MAX_TX_LATE)],
            ("2024-01-17 22:00", "2024-01-18 00:00"),
            "0:230 3600:10",
            {},
            id="V12",
        ),
        pytest.param(
            OCTT,
            ("2024-08-21 12:24:40", "2024-08-21 12:31:20"),
            "0:8 46:10 196:6 236:10 260:8 300:10",
            {"unit": A},
            id="V13",
        ),
        pytest.param(
            [(0, STATION_401)],
            ("2024-01-17 08:00", "2024-01-17 09:00"),
            "0:24 900:28 1800:30 2700:32",
            {"unit": A, "evse_id": 0},
            id="V14",
        ),
        pytest.param(
            [(0, RELATIVE_303)],
            ("2024-01-17 08:00", 3600),
            "0:16 1800:15 2700:14",
            {"unit": A, "evse_id": 0},
            id="V15",
        ),
        pytest.param(
            [(0, RELATIVE_303)],
            ("2024-01-17 08:00", 3600),
            "0:32 1800:30 2700:28",
            {"unit": A, "evse_id": 0, "evses": 2},
            id="V15-two",
        ),
        pytest.param(
            [(0, WATT_25)],
            ("2024-01-17 08:00", 3600),
            "0:36 300:24 600:18 900:12 1200:6",
            {"unit": A, "evse_id": 0, "evses": 2},
            id="V16",
        ),
        pytest.param(
            [(0, STATION_401), (1, RELATIVE_303)],
            ("2024-01-17 08:01", 3600),
            "0:16 1800:15 2700:14",
            {"unit": A, "evse_id": 0},
            id="V17",
        ),
        pytest.param(
            [(0, STATION_401), (1, RELATIVE_303), (2, RELATIVE_303)],
            ("2024-01-17 08:01", 3600),
            "0:24 840:28 1740:30 2700:28",
            {"unit": A, "evse_id": 0, "evses": 2},
            id="V17-two",
        ),
        pytest.param(
            [(1, DAILY_301), (2, RELATIVE_303)],
            ("2024-01-17 08:01", 3600),
            "0:32 1740:31 1800:30 2640:29 2700:28 3540:71",
            {"unit": A, "evse_id": 0, "evses": 2},
            id="V18",
        ),
        pytest.param(
            [(0, AMPERE_24), (1, WATT_25)], ("2024-01-17 00:00", 3600), "0:16 1200:9", {"unit": A}, id="V19-0"
        ),
        pytest.param(
            [(0, AMPERE_24), (1, WATT_25)],
            ("2024-01-17 01:00", 3600),
            "0:16 300:12 600:9 900:6 1200:3",
            {"unit": A},
            id="V19-1",
        ),
        pytest.param(
            [(0, AMPERE_24), (1, WATT_25)], ("2024-01-17 02:00", 3600), "0:10 1200:9", {"unit": A}, id="V19-2"
        ),
        pytest.param(
            [(0, AMPERE_24), (1, WATT_25)],
            ("2024-01-17 03:00", 3600),
            "0:10 600:9 900:6 1200:3",
            {"unit": A},
            id="V19-3",
        ),
        pytest.param(
            [(0, AMPERE_24), (1, WATT_25)], ("2024-01-17 02:00", 3600), "0:2300 1200:2070", {}, id="V20-2"
        ),
        pytest.param(
            [(0, AMPERE_24), (1, WATT_25)],
            ("2024-01-17 03:00", 3600),
            "0:6900 600:6210 900:4140 1200:2070",
            {},
            id="V20-3",
        ),
        pytest.param(NO_GAP, ("2024-01-17 08:00", 1200), "0:16 300:12 600:57", {"unit": A}, id="V23"),
        pytest.param(
            [(0, MIXED)],
            ("2024-01-17 08:00", 600),
            "0:2000 70:14000 140:0 210:12000 280:3000 350:10000",
            {"evse_id": 0, "evses": 2},
            id="V24-all",
        ),
        pytest.param(
            [(0, MIXED)],
            ("2024-01-17 08:00", 600),
            "0:1000 70:7000 140:0 210:6000 280:1500 350:5000",
            {},
            id="V24-one",
        ),
        pytest.param(
            [(0, MIXED)],
            ("2024-01-17 08:03", "2024-01-17 08:20"),
            "0:0 30:6000 100:1500 170:5000",
            {"started": {1: "2024-01-17 08:00"}, "evses": 2},
            id="V25-one",
        ),
        pytest.param(
            [(0, MIXED)],
            ("2024-01-17 08:03", "2024-01-17 08:20"),
            "0:1000 30:7000 70:13000 100:8500 140:1500 170:5000 210:11000 280:6500 350:10000",
            {"started": {1: "2024-01-17 08:00"}, "evse_id": 0, "evses": 2},
            id="V25-all",
        ),
        pytest.param(
            OCTT, ("2024-08-21 12:24:46", 300), "0:8 40:10 190:6 230:10 254:8 294:10", {"unit": A}, id="V26"
        ),
    ],
)
def test_vectors(
    profiles: list[tuple[int, Profile]], window: tuple[str, int], expected: str, options: dict[str, object]
) -> None:
    assert told(profiles, window, **options) == expected  # type: ignore[arg-type]


def test_v21_and_v22_phases() -> None:
    window = ("2024-01-17 00:40", 3600)
    steps = steps_of([(0, AMPERE_24), (1, RELATIVE_302)], window, A)
    assert [(one.start_s, one.limit, one.phases) for one in steps] == [
        (0, 16, 1),
        (1200, 16, 3),
        (1800, 15, 1),
        (2700, 14, 3),
    ]
    profiles = [(1, DAILY_302), (2, RELATIVE_302)]
    steps = steps_of(profiles, ("2024-01-17 08:00", 3600), A, evse_id=0, evses=2)
    assert [(one.start_s, one.limit, one.phases) for one in steps] == [
        (0, 32, 3),
        (1800, 30, 1),
        (2700, 28, 3),
    ]
