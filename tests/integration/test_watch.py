"""The deadline watch and the landlord's bus, by their functions' handlers on moto."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from portal import aws, clock, store
from portal.identity.recipients import recipient
from portal.mail import letters
from portal.mail.store import MAIL_PK, MailItem
from portal.repairs import following, hearing, watching
from portal.repairs import store as repairs
from portal.repairs.following import Told
from tests.integration.conftest import Browser, function, log_in_as

FRIDAY = datetime(2026, 12, 18, 10, tzinfo=UTC)
# Ten working days over Christmas end with 6 January: these are the last minutes before each stage of that time.
HALF, MOST, PASSED = (
    datetime(2026, 12, 28, 5, tzinfo=UTC), datetime(2027, 1, 3, 2, 12, tzinfo=UTC), datetime(2027, 1, 7, tzinfo=UTC),
)  # fmt: skip


@pytest.fixture(autouse=True)
def put(cloud: None) -> list[Any]:
    """What was put on the landlord's bus."""
    aws.client("events").create_event_bus(Name="portal-landlord")
    found: list[Any] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        found.extend(params["Entries"])

    aws.client("events").meta.events.register("provide-client-params.events.PutEvents", note)
    return found


@pytest.fixture
def mould(noon: Any, own_tenancy: SimpleNamespace) -> Any:
    """A report of mould, made on a Friday before Christmas."""
    noon.move_to(FRIDAY)
    browser = Browser()
    log_in_as(browser, own_tenancy.person_id, own_tenancy.tenancy_id)
    reply = browser.call("repairs", "POST", "/api/repairs", {"item_id": "mould"})
    assert reply.status == 201
    _watch_only_the_law()
    return reply.json


def _watch_only_the_law() -> None:
    """The landlord's own dates have tests of their own."""
    for watch in _watched():
        if watch.duty == "target":
            store.transact(store.Delete(watch))


def _watched() -> list[repairs.WatchItem]:
    return list(store.query(repairs.WatchItem, repairs.WATCH, clock.now()))


def _run() -> Any:
    return function("watch").handler({}, SimpleNamespace(get_remaining_time_in_millis=lambda: 200_000))


def _mails() -> list[Any]:
    return [m.about["lines"] for m in store.query(MailItem, MAIL_PK, clock.now()) if m.kind == "deadlines"]


def _details(put: list[Any]) -> list[tuple[str, str]]:
    return [(d["duty"], d["stage"]) for d in (json.loads(entry["Detail"]) for entry in put)]


def _tell(repair: Any, event: str, at: datetime) -> None:
    assert following.record([Told(repair["reference"], at, event)], clock.now())[0].changed


def test_each_stage_of_a_date_is_warned_of_once_by_mail_and_event(mould: Any, noon: Any, put: list[Any]) -> None:
    for at, stage in ((HALF, "half"), (MOST, "most"), (PASSED, "passed")):
        noon.move_to(at - timedelta(hours=1))
        assert _run() == {"written": 0, "raised": 0}
        noon.move_to(at)
        assert _run() == {"written": 1, "raised": 1}
        (entry,) = put
        assert (entry["Source"], entry["DetailType"], entry["EventBusName"]) == (
            "portal.repairs", "Repair deadline", "portal-landlord",
        )  # fmt: skip
        detail = json.loads(entry["Detail"])
        assert detail.pop("notice_id")
        line = {
            "reference": mould["reference"], "duty": "investigate", "stage": stage,
            "due_at": "2027-01-06T23:59:59+00:00",
        }  # fmt: skip
        assert detail == {**line, "hazard": "damp_mould", "severity": "significant"}
        assert [line] in _mails()
        put.clear()
    noon.shift(timedelta(days=300))
    assert _run() == {"written": 0, "raised": 0}


@pytest.mark.parametrize("times", [2, 64])
def test_however_often_it_runs_a_stage_is_warned_of_once(mould: Any, noon: Any, put: list[Any], times: int) -> None:
    noon.move_to(HALF)
    runs = [_run() for _ in range(times)]
    assert [run["written"] for run in runs] == [1] + [0] * (times - 1)
    assert _details(put) == [("investigate", "half")]
    assert len(_mails()) == 1


def test_stages_that_nobody_looked_at_are_one_warning_of_the_last(mould: Any, noon: Any, put: list[Any]) -> None:
    noon.move_to(PASSED + timedelta(days=1))
    _run()
    _run()
    assert _details(put) == [("investigate", "passed")]


def test_two_runs_that_meet_warn_once(mould: Any, noon: Any, put: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    noon.move_to(HALF)
    transact, between = store.transact, [True]

    def with_another_run_between(*writes: Any) -> None:
        if between:
            between.pop()
            _run()
        transact(*writes)

    monkeypatch.setattr(store, "transact", with_another_run_between)
    assert _run()["written"] == 0
    assert _details(put) == [("investigate", "half")]
    assert len(_mails()) == 1


def _dies(*_: Any) -> None:
    raise store.Unavailable


def test_a_run_that_dies_before_its_write_is_made_up_for_by_the_next(
    mould: Any, noon: Any, put: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    noon.move_to(HALF)
    with monkeypatch.context() as patch:
        patch.setattr(store, "transact", _dies)
        with pytest.raises(store.Unavailable):
            _run()
    assert (put, _mails()) == ([], [])
    noon.shift(timedelta(hours=1))
    assert _run() == {"written": 1, "raised": 1}


def test_a_run_that_dies_between_its_write_and_the_bus_leaves_the_warning_to_the_next(
    mould: Any, noon: Any, put: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    noon.move_to(HALF)
    with monkeypatch.context() as patch:
        patch.setattr(watching, "_put", _dies)
        with pytest.raises(store.Unavailable):
            _run()
    assert len(_mails()) == 1
    assert _run() == {"written": 0, "raised": 0}  # the dead run holds it
    noon.shift(timedelta(hours=1))
    assert _run() == {"written": 0, "raised": 1}
    assert _details(put) == [("investigate", "half")]
    assert len(_mails()) == 1


def test_what_the_bus_does_not_take_is_sent_again(
    mould: Any, noon: Any, put: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    noon.move_to(HALF)
    with monkeypatch.context() as patch:
        patch.setattr(watching, "_put", lambda _: False)
        assert _run() == {"written": 1, "raised": 0}
    noon.shift(timedelta(hours=1))
    assert _run()["raised"] == 1


def test_a_duty_that_is_met_cancelled_or_given_another_end_is_not_warned_of(
    mould: Any, noon: Any, put: list[Any]
) -> None:
    noon.move_to(datetime(2026, 12, 21, 12, tzinfo=UTC))
    _tell(mould, "investigated", clock.now())
    noon.move_to(HALF)
    _run()
    # What follows the investigation is half gone, and that it was looked into is not warned of.
    assert {duty for duty, _ in _details(put)} == {"send_summary", "make_safe", "begin_works"}
    put.clear()
    _tell(mould, "cancelled", clock.now())
    noon.move_to(datetime(2027, 6, 1, tzinfo=UTC))
    assert _run() == {"written": 0, "raised": 0}
    assert repairs.to_warn_of(clock.now(), 10) == []


def test_steps_taken_still_leave_the_84_days_to_be_watched(mould: Any, noon: Any, put: list[Any]) -> None:
    noon.move_to(datetime(2026, 12, 21, 12, tzinfo=UTC))
    for event in ("investigated", "summary_sent", "made_safe", "steps_taken"):
        _tell(mould, event, clock.now())
    noon.shift(timedelta(days=90))
    _run()
    assert _details(put) == [("begin_works_at_the_latest", "passed")]


def test_one_event_told_with_seconds_that_differ_is_warned_of_once_and_stops_nothing(
    mould: Any, noon: Any, put: list[Any]
) -> None:
    noon.move_to(datetime(2026, 12, 21, 12, tzinfo=UTC))
    for second in (40, 30, 20):
        _tell(mould, "investigated", datetime(2026, 12, 21, 11, 0, second, tzinfo=UTC))
    noon.move_to(HALF)
    _run()
    assert sorted(duty for duty, _ in _details(put)) == ["begin_works", "make_safe", "send_summary"]
    noon.move_to(PASSED + timedelta(days=90))
    put.clear()
    _run()
    assert sorted(duty for duty, _ in _details(put)) == ["begin_works", "begin_works_at_the_latest", "make_safe"]
    assert _watched() == []


def test_however_many_items_stand_for_a_date_each_stage_is_warned_of_once(
    mould: Any, noon: Any, put: list[Any]
) -> None:
    (first,) = _watched()
    # As items were left by reckonings whose beginnings differ by seconds or hours.
    for seconds in (-30, 30, 7200):
        other = repairs.watch_item(
            first.at + timedelta(seconds=seconds), first.tenancy_id, first.repair_id, first.duty, "half", first.ends_at
        )
        store.transact(store.Put(other))
    for at in (HALF, HALF + timedelta(hours=3), MOST, PASSED):
        noon.move_to(at)
        _run()
    assert _details(put) == [("investigate", "half"), ("investigate", "most"), ("investigate", "passed")]
    assert _watched() == []


def test_a_date_whose_time_began_later_than_was_thought_is_warned_of_later(
    mould: Any, noon: Any, put: list[Any]
) -> None:
    (first,) = _watched()
    early = repairs.watch_item(
        first.at - timedelta(days=2), first.tenancy_id, first.repair_id, first.duty, "half", first.ends_at
    )
    store.transact(store.Put(early), store.Delete(first))
    noon.move_to(early.at)
    assert _run() == {"written": 0, "raised": 0}
    noon.move_to(HALF)
    assert _run() == {"written": 1, "raised": 1}


def test_a_repair_that_cannot_be_read_holds_up_no_other_and_is_told_of(
    noon: Any, own_tenancy: SimpleNamespace, put: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    noon.move_to(FRIDAY)
    browser = Browser()
    log_in_as(browser, own_tenancy.person_id, own_tenancy.tenancy_id)
    made = []
    for n in range(3):
        body = {"item_id": "mould", "anyway": True, "description": f"Room {n}"}
        made.append(browser.call("repairs", "POST", "/api/repairs", body).json)
    _watch_only_the_law()
    key = repairs.repair_key(own_tenancy.tenancy_id, made[1]["repair_id"])
    (item,) = store.fetch([key], clock.now())
    duties = item.duties
    broken = repairs.RepairItem(pk=key.pk, sk=key.sk)
    store.transact(store.Update(broken, [repairs.RepairItem.duties.set([{"duty": "investigate"}])]))
    counted: list[str] = []
    monkeypatch.setattr(watching, "count", lambda name, **_: counted.append(name))
    noon.move_to(HALF)
    assert _run() == {"written": 2, "raised": 2}
    assert counted.count("WatchItemsFailed") == 1
    noon.shift(timedelta(hours=1))
    assert _run() == {"written": 0, "raised": 0}
    store.transact(store.Update(broken, [repairs.RepairItem.duties.set(duties)]))
    assert _run() == {"written": 1, "raised": 1}


def test_the_84_days_of_a_reopened_repair_are_watched_though_works_were_begun_before(
    mould: Any, noon: Any, put: list[Any]
) -> None:
    noon.move_to(datetime(2026, 12, 21, 12, tzinfo=UTC))
    for event in ("investigated", "works_begun", "completed"):
        _tell(mould, event, clock.now())
    noon.shift(timedelta(days=1))
    for event in ("reopened", "investigated", "summary_sent", "made_safe", "steps_taken"):
        _tell(mould, event, clock.now())
    noon.shift(timedelta(days=90))
    _run()
    assert ("begin_works_at_the_latest", "passed") in _details(put)


def _routine(noon: Any, who: SimpleNamespace) -> Any:
    noon.move_to(FRIDAY)
    browser = Browser()
    log_in_as(browser, who.person_id, who.tenancy_id)
    return browser.call("repairs", "POST", "/api/repairs", {"item_id": "kitchen-tap-drips"}).json


def test_the_landlords_own_date_is_warned_of_at_each_stage_once(
    noon: Any, own_tenancy: SimpleNamespace, put: list[Any]
) -> None:
    due_at = datetime.fromisoformat(_routine(noon, own_tenancy)["due_at"])
    for part, stage in ((0.5, "half"), (0.8, "most"), (1, "passed")):
        at = FRIDAY + (due_at - FRIDAY) * part
        noon.move_to(at - timedelta(seconds=2))
        assert _run() == {"written": 0, "raised": 0}
        noon.move_to(at + timedelta(seconds=2))
        for _ in range(2):
            _run()
        assert _details(put)[-1] == ("target", stage)
    assert len(put) == 3
    assert _watched() == []


def test_what_is_finished_is_not_warned_of_and_opened_again_it_has_a_date_of_its_own(
    noon: Any, own_tenancy: SimpleNamespace, put: list[Any]
) -> None:
    told = _routine(noon, own_tenancy)
    _tell(told, "completed", clock.now())
    due_at = datetime.fromisoformat(told["due_at"])
    noon.move_to(due_at - timedelta(days=9))
    assert _run() == {"written": 0, "raised": 0}
    _tell(told, "reopened", clock.now())
    noon.move_to(due_at + timedelta(days=1))
    assert _run() == {"written": 0, "raised": 0}
    noon.shift(timedelta(days=90))
    _run()
    assert _details(put) == [("target", "passed")]


def test_many_dates_come_in_mails_of_twenty(noon: Any, own_tenancy: SimpleNamespace, put: list[Any]) -> None:
    noon.move_to(FRIDAY)
    browser = Browser()
    log_in_as(browser, own_tenancy.person_id, own_tenancy.tenancy_id)
    for n in range(23):
        body = {"item_id": "mould", "anyway": True, "description": f"Room {n}"}
        assert browser.call("repairs", "POST", "/api/repairs", body).status == 201
    _watch_only_the_law()
    noon.move_to(HALF)
    assert _run() == {"written": 23, "raised": 23}
    assert sorted(len(lines) for lines in _mails()) == [3, 20]
    message = letters.written("deadlines", {"lines": _mails()[0]}, secret=None, site="http://localhost:8000")
    assert "look into it by 11:59pm on Wednesday 6 January. Half of the time is gone." in message.text
    assert message.subject.startswith(f"{len(_mails()[0])} dates of repairs")


def test_the_digest_goes_to_the_landlords_own_address(cloud: None) -> None:
    found = recipient("landlord:", "deadlines", clock.now())
    assert found
    assert found.email == "repairs@larkfield-homes.example"


# --- the landlord's bus


def _hear(detail: Any, kind: str = hearing.HAPPENED, event_id: str = "e-1") -> Any:
    return function("bus").handler({"id": event_id, "detail-type": kind, "detail": detail}, SimpleNamespace())


def test_an_event_of_the_bus_is_shown_once_however_often_it_comes(mould: Any, noon: Any) -> None:
    noon.shift(timedelta(minutes=9))
    detail = {
        "repair_reference": mould["reference"],
        "at": "2026-12-18T10:05:00Z",
        "event": "on the way",
        "note": "Sam",
    }
    assert _hear(detail) == {"news": True}
    assert _hear(detail) == {"news": False}
    assert _hear(detail, event_id="e-2") == {"news": False}
    row = Told(mould["reference"], datetime(2026, 12, 18, 10, 5, tzinfo=UTC), "on_the_way")
    assert not following.record([row], clock.now())[0].changed


def test_a_summary_comes_by_the_bus_too(mould: Any, noon: Any, own_tenancy: SimpleNamespace) -> None:
    noon.shift(timedelta(hours=2))
    detail = {
        "repair_reference": mould["reference"], "sent_at": "2026-12-18T11:00:00Z", "hazard": "Mould",
        "action": "Fit a fan", "finish_by": "2026-12-30",
    }  # fmt: skip
    assert _hear(detail, hearing.SUMMARY) == {"news": True}
    browser = Browser()
    log_in_as(browser, own_tenancy.person_id, own_tenancy.tenancy_id)
    shown = browser.call("repairs", "GET", f"/api/repairs/{mould['repair_id']}").json["summary"]
    assert (shown["sent_at"], shown["finish_by"], shown["text"]) == ("2026-12-18T11:00:00Z", "2026-12-30", None)


def test_an_investigation_that_the_bus_tells_of_starts_the_watch_of_what_follows(
    mould: Any, noon: Any, put: list[Any]
) -> None:
    noon.move_to(datetime(2026, 12, 21, 12, tzinfo=UTC))
    assert _hear({"repair_reference": mould["reference"], "at": "2026-12-21T09:00:00Z", "event": "investigated"})[
        "news"
    ]
    noon.move_to(PASSED + timedelta(days=1))
    _run()
    assert {duty for duty, stage in _details(put) if stage == "passed"} == {"send_summary", "make_safe", "begin_works"}


@pytest.mark.parametrize(
    "detail",
    [
        {}, None, {"repair_reference": "R-1", "at": "yesterday", "event": "visited"},
        {"repair_reference": "R-1", "at": "2026-12-18T10:05:00", "event": "visited"},
        {"repair_reference": "R-1", "at": "2026-12-18T10:05:00Z", "event": "exploded"},
        {"repair_reference": "R-1", "at": "2026-12-18T10:05:00Z", "event": "visited", "colour": "blue"},
        {"repair_reference": "R-NOSUCH", "at": "2026-12-18T10:05:00Z", "event": "visited"},
    ],
)  # fmt: skip
def test_an_event_that_cannot_be_taken_is_left_to_be_tried_again_and_parked(mould: Any, detail: Any) -> None:
    with pytest.raises(hearing.NotTaken) as refused:
        _hear(detail)
    assert "R-" not in str(refused.value)


def test_the_nightly_file_starts_the_watch_of_what_follows(
    mould: Any, noon: Any, put: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMPORT_THREADS", "1")
    noon.shift(timedelta(days=3))
    row = f"repair_reference,at,event,note\n{mould['reference']},2026-12-21T09:00:00Z,investigated,\n"
    for name, body in (("repair_events.csv", row), ("_complete", "")):
        key = f"inbox/2026-12-21/one/{name}"
        aws.client("s3").put_object(Bucket="portal-exchange", Key=key, Body=body.encode())
    function("importer").handler({}, SimpleNamespace(get_remaining_time_in_millis=lambda: 600_000))
    noon.move_to(PASSED + timedelta(days=1))
    _run()
    assert {duty for duty, stage in _details(put) if stage == "passed"} == {"send_summary", "make_safe", "begin_works"}
