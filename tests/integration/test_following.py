"""What happens to a repair after its report, by the function's handler and the import's own calls on moto."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from portal import aws, clock, store
from portal.exchange.rules import EXPORT_COLUMNS
from portal.exchange.store import EntryItem
from portal.recorded import APPLIED, UNCHANGED
from portal.repairs import following, rules
from portal.repairs import service as repairs
from portal.repairs.following import Told
from portal.repairs.service import ImportedRepair
from portal.repairs.store import OpenItem, RepairItem
from tests.integration.conftest import NOON, Browser, Reply, add_tenancy, log_in_as


class _Tenant(Browser):
    """Logs in again where time went on and the session is over."""

    own: SimpleNamespace

    def call(self, *what: Any, **how: Any) -> Reply:
        reply = super().call(*what, **how)
        if reply.status != 401:
            return reply
        log_in_as(self, self.own.person_id, self.own.tenancy_id)
        return super().call(*what, **how)


@pytest.fixture
def tenant(noon: Any, own_tenancy: SimpleNamespace) -> Browser:
    tenant = _Tenant()
    tenant.own = own_tenancy
    log_in_as(tenant, own_tenancy.person_id, own_tenancy.tenancy_id)
    return tenant


def _report(tenant: Browser, item_id: str = "kitchen-tap-drips", **more: Any) -> Any:
    reply = tenant.call("repairs", "POST", "/api/repairs", {"item_id": item_id, **more})
    assert reply.status == 201, reply
    return reply.json


def _do(tenant: Browser, repair: Any, what: str, body: Any = None) -> Reply:
    return tenant.call("repairs", "POST", f"/api/repairs/{repair['repair_id']}/{what}", body or {})


def _now(tenant: Browser, repair: Any) -> Any:
    return tenant.call("repairs", "GET", f"/api/repairs/{repair['repair_id']}").json


def _tell(repair: Any, event: str, at: datetime | None = None, **more: Any) -> Any:
    return following.record([Told(repair["reference"], at or clock.now(), event, **more)], clock.now())[0]


def _changes(day: date = date(2026, 11, 24)) -> list[dict[str, str]]:
    entries = store.query(EntryItem, f"EXPORT#{day}", clock.now())
    return [entry.row for entry in entries if entry.file == "repair_changes"]


def _events(repair: Any) -> list[str]:
    return [event["event"] for event in repair["events"]]


def _duties(repair: Any) -> dict[str, tuple[str | None, str]]:
    return {d["duty"]: (d["due_at"], d["state"]) for d in repair["duties"]}


# --- what the landlord tells


def test_a_repair_is_followed_from_its_report_to_its_end(tenant: Browser, noon: Any) -> None:
    told = _report(tenant)
    statuses = []
    for event in ("accepted", "appointment", "on_the_way", "visited", "follow_on", "completed"):
        noon.shift(timedelta(hours=5))
        assert _tell(told, event, note=f"about {event}") == APPLIED
        statuses.append(_now(tenant, told)["status"])
    assert statuses == ["accepted", "scheduled", "scheduled", "in_progress", "in_progress", "completed"]
    now = _now(tenant, told)
    assert _events(now) == [
        "reported", "accepted", "appointment", "on_the_way", "visited", "follow_on", "completed",
    ]  # fmt: skip
    assert now["events"][1]["note"] == "about accepted"
    assert (now["completed_on"], now["can_reopen"]) == ("2026-11-25", True)
    assert _report(tenant)["repair_id"] != told["repair_id"]


def test_an_event_that_comes_late_stands_at_its_time_and_takes_no_later_status_back(tenant: Browser, noon: Any) -> None:
    told = _report(tenant)
    noon.shift(timedelta(days=2))
    _tell(told, "completed")
    _tell(told, "visited", NOON + timedelta(hours=1))
    now = _now(tenant, told)
    assert (now["status"], _events(now)) == ("completed", ["reported", "visited", "completed"])


def test_the_same_event_told_again_by_file_or_bus_is_one(tenant: Browser, calls_made: list[str]) -> None:
    told = _report(tenant)
    assert _tell(told, "visited", source_id="bus-1") == APPLIED
    calls_made.clear()
    assert _tell(told, "visited") == UNCHANGED
    assert _tell(told, "visited", NOON - timedelta(minutes=3), source_id="bus-1") == UNCHANGED
    assert set(calls_made) == {"BatchGetItem"}
    assert _events(_now(tenant, told)) == ["reported", "visited"]


@pytest.fixture
def calls_made(cloud: None) -> list[str]:
    made: list[str] = []
    aws._session().register("provide-client-params.dynamodb", lambda model, **_: made.append(model.name))
    aws.client("dynamodb").meta.events.register(
        "provide-client-params.dynamodb", lambda model, **_: made.append(model.name)
    )
    return made


def test_many_rows_at_once_have_an_outcome_each(tenant: Browser) -> None:
    told = _report(tenant)
    rows = [
        Told(told["reference"], NOON, "accepted"),
        Told("R-NOSUCH", NOON, "accepted"),
        Told(told["reference"], NOON, "accepted"),
        Told(told["reference"], NOON + timedelta(hours=2), "visited"),
    ]
    outcomes = following.record(rows, clock.now())
    assert [o.changed for o in outcomes] == [True, False, False, False]
    assert outcomes[1].refused == "repair_reference is none that we hold"
    assert outcomes[2] == UNCHANGED
    assert outcomes[3].refused == "it is said to have happened in the future"


def test_a_repair_takes_no_more_events_than_an_item_holds(tenant: Browser) -> None:
    told = _report(tenant)
    rows = [
        Told(told["reference"], NOON - timedelta(minutes=n), "access_attempted") for n in range(rules.MOST_EVENTS + 1)
    ]
    outcomes = following.record(rows, clock.now())
    assert [bool(o.refused) for o in outcomes] == [False] * rules.MOST_EVENTS + [True]


def test_what_tenants_add_takes_nothing_from_what_the_landlord_may_tell(tenant: Browser) -> None:
    told = _report(tenant)
    answers = [_do(tenant, told, "notes", {"text": f"Still dripping {n}"}) for n in range(rules.MOST_NOTES + 1)]
    assert [a.status for a in answers] == [200] * rules.MOST_NOTES + [409]
    assert answers[-1].json["type"] == "/problems/notes-full"
    rows = [Told(told["reference"], NOON - timedelta(minutes=n), "access_attempted") for n in range(rules.MOST_EVENTS)]
    assert not [o.refused for o in following.record(rows, clock.now()) if o.refused]


# --- the landlord's file, written before what the tenant did was heard of


def _file(tenant: Any, repair: Any, status: str, completed_on: date | None = None) -> int:
    """The landlord's row of the repair, as tonight's file has it; how many repairs it changed."""
    row = ImportedRepair(
        repair["reference"], tenant.own.tenancy_id, date(2026, 11, 24), "", "routine", status, completed_on
    )
    return repairs.record([row], clock.now())


def test_a_file_of_before_does_not_finish_again_what_the_tenant_opened_again(tenant: Any, noon: Any) -> None:
    told = _report(tenant, "mould")
    noon.shift(timedelta(days=3))
    assert _file(tenant, told, "completed", date(2026, 11, 27)) == 1
    noon.shift(timedelta(days=1))
    reopened = _do(tenant, told, "reopen", {"reason": "It is back"}).json
    for _ in range(4):
        assert _file(tenant, told, "completed", date(2026, 11, 27)) == 0
        noon.shift(timedelta(days=1))
    now = _now(tenant, told)
    assert (now["status"], now["completed_on"], _duties(now)) == ("reopened", None, _duties(reopened))
    assert _file(tenant, told, "completed", date(2026, 12, 1)) == 1
    assert _now(tenant, told)["completed_on"] == "2026-12-01"


def test_what_is_mended_on_the_very_day_it_was_opened_again_is_taken_over_two_days_later(
    tenant: Any, noon: Any
) -> None:
    told = _report(tenant)
    assert _file(tenant, told, "completed", date(2026, 11, 24)) == 1
    assert _do(tenant, told, "reopen", {"reason": "It still drips"}).status == 200
    assert _file(tenant, told, "completed", date(2026, 11, 24)) == 0
    noon.shift(timedelta(hours=48))
    assert _file(tenant, told, "completed", date(2026, 11, 24)) == 1
    assert _now(tenant, told)["status"] == "completed"


def test_a_file_of_before_does_not_go_on_with_what_the_tenant_called_off(tenant: Any, noon: Any) -> None:
    told = _report(tenant)
    assert _do(tenant, told, "cancel").status == 200
    assert _file(tenant, told, "scheduled") == 0
    assert _now(tenant, told)["status"] == "cancelled"
    noon.shift(timedelta(hours=48))
    assert _file(tenant, told, "scheduled") == 1, "the landlord knows, and comes all the same"
    assert _now(tenant, told)["status"] == "scheduled"


def test_what_happens_meanwhile_is_not_lost(tenant: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    told = _report(tenant)
    transact, between = store.transact, [True]

    def with_another_between(*writes: Any) -> None:
        if between.pop() if between else False:
            _tell(told, "appointment")
        transact(*writes)

    monkeypatch.setattr(store, "transact", with_another_between)
    assert _tell(told, "accepted", NOON - timedelta(minutes=1)) == APPLIED
    now = _now(tenant, told)
    assert (now["status"], _events(now)) == ("scheduled", ["accepted", "reported", "appointment"])


def test_the_laws_dates_follow_what_happens_and_a_passed_one_says_what_the_tenant_may_ask_for(
    tenant: Browser, noon: Any
) -> None:
    noon.move_to(datetime(2026, 12, 18, 10, tzinfo=UTC))
    told = _report(tenant, "mould")
    assert _duties(told) == {
        "investigate": ("2027-01-06T23:59:59Z", "due"),
        "send_summary": (None, "waiting"), "make_safe": (None, "waiting"), "begin_works": (None, "waiting"),
    }  # fmt: skip
    noon.move_to(datetime(2027, 1, 6, 16, tzinfo=UTC))
    _tell(told, "investigated", datetime(2027, 1, 6, 15, tzinfo=UTC))
    now = _now(tenant, told)
    assert _duties(now) == {
        "investigate": ("2027-01-06T23:59:59Z", "met"),
        "send_summary": ("2027-01-11T23:59:59Z", "due"),
        "make_safe": ("2027-01-13T23:59:59Z", "due"),
        "begin_works": ("2027-01-13T23:59:59Z", "due"),
    }  # fmt: skip
    assert now["duties"][0]["met_at"] == "2027-01-06T15:00:00Z"
    assert now["duties"][3]["at_the_latest"] == "2027-03-31T22:59:59Z"
    noon.move_to(datetime(2027, 1, 12, 10, tzinfo=UTC))
    late = _now(tenant, told)["duties"][1]
    assert late["state"] == "missed"
    assert "Ombudsman" in late["entitled"]


def test_the_summary_is_shown_with_the_time_it_was_sent_and_an_older_one_does_not_replace_it(
    tenant: Browser, noon: Any
) -> None:
    told = _report(tenant, "mould")
    words = {"hazard": "Mould, significant", "action": "Clean and fit a fan", "text": "Ring us on the number above."}
    dates = {"start_by": "2026-12-01", "finish_by": None}
    noon.shift(timedelta(hours=6))
    _tell(told, "summary_sent", NOON + timedelta(hours=5), summary={**words, **dates})
    _tell(told, "summary_sent", NOON + timedelta(hours=1), summary={**words, **dates, "action": "Older"})
    now = _now(tenant, told)
    assert now["summary"] == {"sent_at": "2026-11-24T17:00:00Z", **words, **dates}
    assert _events(now) == ["reported", "summary_sent", "summary_sent"]


# --- what the tenant does


def test_a_cancelled_repair_is_called_off_once_and_the_landlord_hears_of_it(tenant: Browser) -> None:
    told = _report(tenant, "mould")
    cancelled = _do(tenant, told, "cancel", {"reason": "We cleaned it"})
    assert (cancelled.status, cancelled.json["status"], cancelled.json["duties"]) == (200, "cancelled", [])
    assert _do(tenant, told, "cancel").json == cancelled.json == _now(tenant, told)
    (row,) = _changes()
    assert set(row) == set(EXPORT_COLUMNS["repair_changes"])
    assert (row["repair_reference"], row["tenancy_reference"], row["person_reference"]) == (
        told["reference"], "LH10001", "P10001",
    )  # fmt: skip
    assert (row["change"], row["status"], row["text"]) == ("cancelled", "cancelled", "We cleaned it")
    assert _report(tenant, "mould")["repair_id"] != told["repair_id"]


def test_a_wish_counts_also_where_the_landlords_clock_goes_ahead(tenant: Browser) -> None:
    told = _report(tenant)
    _tell(told, "appointment", NOON + timedelta(minutes=50))
    assert _do(tenant, told, "cancel").json["status"] == _now(tenant, told)["status"] == "cancelled"


def test_what_is_not_mended_is_opened_again_with_a_new_date_and_the_laws_clocks(tenant: Browser, noon: Any) -> None:
    told = _report(tenant, "mould")
    noon.shift(timedelta(hours=3))
    _tell(told, "completed")
    noon.shift(timedelta(minutes=5))
    again = _do(tenant, told, "reopen", {"reason": "It is back"})
    assert (again.status, again.json["status"], again.json["completed_on"]) == (200, "reopened", None)
    assert again.json["events"][-1]["note"] == "It is back"
    assert _duties(again.json)["investigate"] == ("2026-12-08T23:59:59Z", "due")
    assert again.json["due_at"] == "2026-12-01T23:59:59Z"
    assert _do(tenant, told, "reopen", {"reason": "It is back"}).json == again.json == _now(tenant, told)
    assert [row["change"] for row in _changes()] == ["reopened"]
    assert tenant.call("repairs", "POST", "/api/repairs", {"item_id": "mould"}).status == 409


@pytest.mark.parametrize(("days", "status"), [(28, 200), (29, 409)])
def test_a_repair_is_opened_again_within_28_days(tenant: Browser, noon: Any, days: int, status: int) -> None:
    told = _report(tenant)
    _tell(told, "completed")
    noon.shift(timedelta(days=days))
    assert _now(tenant, told)["can_reopen"] is (status == 200)
    reply = _do(tenant, told, "reopen", {"reason": "It drips again"})
    assert reply.status == status
    assert status == 200 or reply.json["type"] == "/problems/too-late-to-reopen"


def test_a_rating_is_given_once_it_is_finished_and_the_last_one_counts(tenant: Browser) -> None:
    told = _report(tenant)
    assert _do(tenant, told, "rating", {"rating": 5}).json["type"] == "/problems/repair-not-finished"
    _tell(told, "completed")
    assert _do(tenant, told, "rating", {"rating": 2, "comment": "Late"}).json["rating"] == 2
    _do(tenant, told, "rating", {"rating": 4})
    _do(tenant, told, "rating", {"rating": 4})
    now = _now(tenant, told)
    assert (now["rating"], now["rating_comment"], now["status"]) == (4, None, "completed")
    assert {(row["rating"], row["text"]) for row in _changes()} == {("2", "Late"), ("4", "")}


def test_a_note_is_added_once_however_often_its_answer_is_lost(tenant: Browser, noon: Any) -> None:
    told = _report(tenant)
    for _ in range(3):
        reply = _do(tenant, told, "notes", {"text": "It is worse at night"})
        noon.shift(timedelta(minutes=1))
    assert _events(reply.json) == ["reported", "note_added"]
    assert (reply.json["status"], len(_changes())) == ("reported", 1)
    noon.shift(timedelta(minutes=11))
    assert len(_do(tenant, told, "notes", {"text": "It is worse at night"}).json["events"]) == 3


@pytest.mark.parametrize(("what", "body"), [("notes", {"text": "More"}), ("cancel", {})])
def test_to_what_is_finished_nothing_is_added_and_it_is_not_called_off(tenant: Browser, what: str, body: Any) -> None:
    told = _report(tenant)
    _tell(told, "completed")
    reply = _do(tenant, told, what, body)
    assert (reply.status, reply.json["type"]) == (409, "/problems/repair-finished")


@pytest.mark.parametrize(
    ("what", "body", "field"),
    [
        ("reopen", {}, "reason"), ("reopen", {"reason": " "}, "reason"), ("notes", {"text": "x" * 1_001}, "text"),
        ("rating", {"rating": 0}, "rating"), ("rating", {"rating": 6}, "rating"), ("rating", {"rating": "5"}, "rating"),
        ("cancel", {"reason": 7}, "reason"), ("cancel", {"why": "x"}, "why"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(tenant: Browser, what: str, body: Any, field: str) -> None:
    reply = _do(tenant, _report(tenant), what, body)
    assert (reply.status, reply.json["errors"][0]["field"]) == (422, field)


@pytest.mark.parametrize(
    ("what", "body"), [("cancel", {}), ("reopen", {"reason": "x"}), ("rating", {"rating": 1}), ("notes", {"text": "x"})]
)
def test_another_homes_repair_is_none(tenant: Browser, what: str, body: Any) -> None:
    told = _report(tenant)
    other = add_tenancy("LH10002", "P10002")
    neighbour = Browser()
    log_in_as(neighbour, other.person_id, other.tenancy_id)
    assert _do(neighbour, told, what, body).status == 404
    assert _events(_now(tenant, told)) == ["reported"]


def test_after_the_tenancys_end_nothing_is_opened_again(
    tenant: Browser, noon: Any, own_tenancy: SimpleNamespace
) -> None:
    told = _report(tenant)
    _tell(told, "completed")
    add_tenancy("LH10001", "P10001", end_date=date(2026, 11, 23))
    assert _do(tenant, told, "reopen", {"reason": "x"}).json["type"] == "/problems/tenancy-ended"


def test_a_wish_that_something_else_overtook_is_looked_at_again(
    tenant: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = _report(tenant)
    transact, between = store.transact, [True]

    def with_completion_between(*writes: Any) -> None:
        if len(writes) > 1 and between:
            between.pop()
            _tell(told, "completed")
        transact(*writes)

    monkeypatch.setattr(store, "transact", with_completion_between)
    assert _do(tenant, told, "cancel").json["type"] == "/problems/repair-finished"
    assert _now(tenant, told)["status"] == "completed"
    assert _changes() == []


def test_one_read_and_one_transaction_change_a_repair(tenant: Browser, calls_made: list[str]) -> None:
    told = _report(tenant)
    tenant.call("repairs", "GET", "/api/repairs")
    calls_made.clear()
    _do(tenant, told, "notes", {"text": "More"})
    assert calls_made == ["BatchGetItem", "TransactWriteItems"]


def test_the_same_report_made_anyway_again_within_minutes_is_a_lost_answer(tenant: Browser, noon: Any) -> None:
    first = _report(tenant)
    second = _report(tenant, anyway=True, description="Another tap")
    assert second["repair_id"] != first["repair_id"]
    noon.shift(timedelta(minutes=2))
    assert _report(tenant, anyway=True, description="Another tap") == second
    third = _report(tenant, anyway=True, description="A third tap")
    noon.shift(timedelta(minutes=9))
    fourth = _report(tenant, anyway=True, description="Another tap")
    assert len({r["repair_id"] for r in (first, second, third, fourth)}) == 4


def test_the_nightly_file_and_the_tenant_at_the_same_repair_lose_nothing(
    tenant: Browser, own_tenancy: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = _report(tenant)
    row = ImportedRepair(
        told["reference"], own_tenancy.tenancy_id, date(2026, 11, 24), "Tap", "urgent", "scheduled", None
    )  # fmt: skip
    transact, between = store.transact, [True]

    def with_a_note_between(*writes: Any) -> None:
        if between:
            between.pop()
            _do(tenant, told, "notes", {"text": "It is worse"})
        transact(*writes)

    monkeypatch.setattr(store, "transact", with_a_note_between)
    assert repairs.record([row], clock.now()) == 1
    now = _now(tenant, told)
    assert (now["status"], now["priority"]) == ("scheduled", "urgent")
    assert _events(now) == ["reported", "note_added", "scheduled"]


def test_open_and_finished_ones_are_listed_apart_in_pages(
    tenant: Browser, own_tenancy: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repairs, "PAGE", 3)
    rows = [
        ImportedRepair(
            f"W{n}", own_tenancy.tenancy_id, date(2026, 1, 1) + timedelta(days=n), "Tap", "routine",
            "completed" if n % 2 else "scheduled", date(2026, 6, 1) if n % 2 else None,
        )
        for n in range(11)
    ]  # fmt: skip
    repairs.record(rows, clock.now())
    for status, wanted in (
        ("open", [10, 8, 6, 4, 2, 0]),
        ("finished", [9, 7, 5, 3, 1]),
        (None, list(range(10, -1, -1))),
    ):
        found: list[str] = []
        cursor = None
        while True:
            query = {k: v for k, v in {"status": status, "cursor": cursor}.items() if v}
            page = tenant.call("repairs", "GET", "/api/repairs", query=query).json
            found += [r["reference"] for r in page["repairs"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert found == [f"W{n}" for n in wanted]
    wrong = tenant.call("repairs", "GET", "/api/repairs", query={"status": "mended"})
    assert (wrong.status, wrong.json["errors"][0]["field"]) == (422, "status")


def test_what_is_open_is_noted_in_the_same_write(tenant: Browser, own_tenancy: SimpleNamespace) -> None:
    told = _report(tenant)

    def open_ids() -> Any:
        key = OpenItem.key(f"TENANCY#{own_tenancy.tenancy_id}", "OPEN#kitchen-tap-drips")
        (item,) = store.fetch([key], clock.now())
        return set(item.repair_ids or ())

    assert open_ids() == {told["repair_id"]}
    _tell(told, "completed")
    assert open_ids() == set()
    _do(tenant, told, "reopen", {"reason": "x"})
    assert open_ids() == {told["repair_id"]}
    assert RepairItem.range_prefix == "REPAIR#"
