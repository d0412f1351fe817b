"""Photos of repairs: places, presigned posts, what arrives, and who sees it; by the functions' handlers on moto."""

import base64
import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from portal import aws, clock, ids, store
from portal.exchange.store import EntryItem
from portal.photos import pictures, rules, service
from portal.photos.store import PhotoItem
from tests.integration.conftest import Browser, Reply, add_tenancy, function, log_in_as
from tests.pictures import EXECUTABLE, SECRET, bomb, plain, with_metadata


@pytest.fixture
def tenant(noon: Any, own_tenancy: SimpleNamespace) -> Browser:
    tenant = Browser()
    log_in_as(tenant, own_tenancy.person_id, own_tenancy.tenancy_id)
    return tenant


def report(tenant: Browser) -> Any:
    return tenant.call("repairs", "POST", "/api/repairs", {"item_id": "kitchen-tap-drips"}).json


def ask(tenant: Browser, repair: Any, content: bytes = b"x", kind: str = "image/jpeg") -> Reply:
    path = f"/api/repairs/{repair['repair_id']}/photos"
    return tenant.call("repairs", "POST", path, {"content_type": kind, "size": len(content)})


def photos(tenant: Browser, repair: Any) -> list[Any]:
    found: list[Any] = tenant.call("repairs", "GET", f"/api/repairs/{repair['repair_id']}/photos").json["photos"]
    return found


def remove(tenant: Browser, repair: Any, photo_id: str) -> Reply:
    return tenant.call("repairs", "DELETE", f"/api/repairs/{repair['repair_id']}/photos/{photo_id}")


def send(key: str, content: bytes) -> str:
    """Put the file where the form says, and tell the function as EventBridge would; what became of it."""
    aws.client("s3").put_object(Bucket="portal-photos", Key=key, Body=content)
    return tell(key)


def tell(key: str) -> str:
    event = {"detail": {"bucket": {"name": "portal-photos"}, "object": {"key": key}}}
    became: str = function("photos").handler(event, None)["became"]
    return became


def add(tenant: Browser, repair: Any, content: bytes, kind: str = "image/jpeg") -> str:
    return send(ask(tenant, repair, content, kind).json["fields"]["key"], content)


def kept() -> set[str]:
    found = aws.client("s3").list_objects_v2(Bucket="portal-photos").get("Contents", [])
    return {listed["Key"] for listed in found}


def body(key: str) -> bytes:
    content: bytes = aws.client("s3").get_object(Bucket="portal-photos", Key=key)["Body"].read()
    return content


def told_landlord() -> list[dict[str, str]]:
    entries = store.query(EntryItem, f"EXPORT#{clock.london_date(clock.now())}", clock.now())
    return [entry.row for entry in entries if entry.file == "repair_photos"]


def test_a_post_fixes_the_key_the_type_and_the_size_and_ends_after_ten_minutes(
    tenant: Browser, own_tenancy: SimpleNamespace
) -> None:
    repair = report(tenant)
    made = ask(tenant, repair, b"x" * 12_345, "image/heic")
    assert made.status == 201
    assert made.json["url"] == "https://portal-photos.s3.eu-west-2.amazonaws.com/"
    fields = made.json["fields"]
    where = f"{own_tenancy.tenancy_id}/{repair['repair_id']}/1/{made.json['photo_id']}"
    assert (fields["key"], fields["Content-Type"]) == (f"incoming/{where}", "image/heic")
    policy = json.loads(base64.b64decode(fields["policy"]))
    assert policy["expiration"] == "2026-11-24T12:10:00Z"
    conditions = [c for c in policy["conditions"] if "x-amz" not in json.dumps(c)]
    assert sorted(conditions, key=str) == sorted(
        [
            {"Content-Type": "image/heic"},
            {"bucket": "portal-photos"},
            {"key": f"incoming/{where}"},
            ["content-length-range", 12_345, 12_345],
        ],
        key=str,
    )


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        ("image/svg+xml", 5), ("image/gif", 5), ("application/octet-stream", 5), ("", 5), ("IMAGE/JPEG", 5),
        ("image/jpeg", 0), ("image/jpeg", -1), ("image/jpeg", 10 * 1024 * 1024 + 1),
    ],
)  # fmt: skip
def test_what_is_of_another_type_or_larger_than_10_mb_gets_no_post(tenant: Browser, kind: str, size: int) -> None:
    path = f"/api/repairs/{report(tenant)['repair_id']}/photos"
    reply = tenant.call("repairs", "POST", path, {"content_type": kind, "size": size})
    assert (reply.status, reply.json["type"]) == (422, "/problems/bad-input")
    assert reply.json["errors"][0]["message"].startswith("Choose a")


def test_a_photo_is_checked_then_shown_by_links_that_end_and_the_landlord_is_told(
    tenant: Browser, own_tenancy: SimpleNamespace
) -> None:
    repair, sent = report(tenant), with_metadata("image/jpeg")
    key = ask(tenant, repair, sent).json["fields"]["key"]
    (waiting,) = photos(tenant, repair)
    assert (waiting["state"], waiting["url"], waiting["message"]) == ("checking", None, None)
    assert send(key, sent) == "shown"
    (shown,) = photos(tenant, repair)
    assert (shown["state"], shown["photo_id"], shown["message"]) == ("shown", waiting["photo_id"], None)
    where = f"shown/{own_tenancy.tenancy_id}/{repair['repair_id']}/{shown['photo_id']}"
    assert kept() == {f"{where}.jpg", f"{where}-small.jpg"}, "what arrived is gone"
    for key, address in ((f"{where}.jpg", shown["url"]), (f"{where}-small.jpg", shown["small_url"])):
        assert SECRET.encode() not in body(key)
        parts = urlsplit(address)
        assert (parts.netloc, parts.path) == ("portal-photos.s3.eu-west-2.amazonaws.com", f"/{key}")
        assert parse_qs(parts.query)["X-Amz-Expires"] == ["900"]
    assert told_landlord() == [
        {
            "repair_reference": repair["reference"],
            "tenancy_reference": own_tenancy.reference,
            "changed_at": "2026-11-24T12:00:00+00:00",
            "change": "added",
            "photo_key": f"{where}.jpg",
            "small_key": f"{where}-small.jpg",
        }
    ]


@pytest.mark.parametrize(
    ("kind", "content", "reason"),
    [
        ("image/jpeg", EXECUTABLE, "not_a_picture"),
        ("image/png", bomb(), "too_many_pixels"),
        ("image/jpeg", plain("image/jpeg")[:700], "not_a_picture"),
        ("image/jpeg", plain("image/png"), "not_a_picture"),
    ],
    ids=["executable", "bomb", "truncated", "another type"],
)
def test_what_is_no_picture_is_deleted_and_the_tenant_is_told_what_to_do(
    tenant: Browser, kind: str, content: bytes, reason: Any
) -> None:
    repair = report(tenant)
    assert add(tenant, repair, content, kind) == "refused"
    (photo,) = photos(tenant, repair)
    assert (photo["state"], photo["message"]) == ("refused", rules.MESSAGES[reason])
    assert (photo["url"], photo["small_url"], kept(), told_landlord()) == (None, None, set(), [])


def test_a_repair_has_room_for_six_and_what_was_refused_never_came_or_was_removed_gives_its_place_back(
    tenant: Browser, noon: Any
) -> None:
    repair, good = report(tenant), plain()
    assert [add(tenant, repair, good) for _ in range(5)] == ["shown"] * 5
    never = ask(tenant, repair, good).json
    full = ask(tenant, repair, good)
    assert (full.status, full.json["type"]) == (409, "/problems/photos-full")

    noon.shift(timedelta(minutes=14))
    photos(tenant, repair)
    noon.shift(timedelta(minutes=14))
    photos(tenant, repair)
    for _ in range(3):
        noon.shift(timedelta(minutes=12))
        photos(tenant, repair)
    assert len(photos(tenant, repair)) == 5, "what never came is not shown"
    assert add(tenant, repair, EXECUTABLE) == "refused"
    assert len(photos(tenant, repair)) == 6
    assert add(tenant, repair, good) == "shown"
    assert [p["state"] for p in photos(tenant, repair)] == ["shown"] * 6
    assert send(never["fields"]["key"], good) == "not_waited_for", "its place is another's by now"
    assert len(kept()) == 12

    assert ask(tenant, repair, good).status == 409
    assert remove(tenant, repair, photos(tenant, repair)[2]["photo_id"]).status == 204
    assert ask(tenant, repair, good).status == 201


def test_a_photo_that_is_taken_away_is_gone_from_the_bucket_and_the_landlord_is_told(tenant: Browser) -> None:
    repair = report(tenant)
    add(tenant, repair, plain())
    (photo,) = photos(tenant, repair)
    assert remove(tenant, repair, photo["photo_id"]).status == 204
    assert (photos(tenant, repair), kept()) == ([], set())
    assert sorted(row["change"] for row in told_landlord()) == ["added", "removed"]
    assert remove(tenant, repair, photo["photo_id"]).status == 404


def test_a_picture_that_was_taken_away_while_it_was_judged_is_not_kept(
    tenant: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    repair, sent = report(tenant), plain()
    made = ask(tenant, repair, sent).json
    clean = pictures.clean

    def slowly(*what: Any) -> Any:
        assert remove(tenant, repair, made["photo_id"]).status == 204
        return clean(*what)

    monkeypatch.setattr(pictures, "clean", slowly)
    assert send(made["fields"]["key"], sent) == "not_waited_for"
    assert (photos(tenant, repair), kept(), told_landlord()) == ([], set(), [])


def test_an_event_that_is_told_twice_shows_one_photo_and_tells_the_landlord_once(
    tenant: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    repair, sent = report(tenant), plain()
    key = ask(tenant, repair, sent).json["fields"]["key"]
    assert send(key, sent) == "shown"
    assert tell(key) == "not_waited_for"
    other = ask(tenant, repair, sent).json["fields"]["key"]
    clean = pictures.clean

    def twice(*what: Any) -> Any:
        monkeypatch.setattr(pictures, "clean", clean)
        assert tell(other) == "shown"
        return clean(*what)

    monkeypatch.setattr(pictures, "clean", twice)
    assert send(other, sent) == "not_waited_for"
    assert [p["state"] for p in photos(tenant, repair)] == ["shown", "shown"]
    assert (len(kept()), len(told_landlord())) == (4, 2)


def test_another_tenancys_photos_are_neither_seen_nor_added_to_nor_taken_away(tenant: Browser) -> None:
    repair = report(tenant)
    add(tenant, repair, plain())
    (photo,) = photos(tenant, repair)
    other_tenancy = add_tenancy("LH10002", "P10002")
    other = Browser()
    log_in_as(other, other_tenancy.person_id, other_tenancy.tenancy_id)
    path = f"/api/repairs/{repair['repair_id']}/photos"
    assert other.call("repairs", "GET", path).status == 404
    assert ask(other, repair).status == 404
    assert remove(other, repair, photo["photo_id"]).status == 404
    mine = report(other)
    assert remove(other, mine, photo["photo_id"]).status == 404
    assert (len(photos(tenant, repair)), len(kept())) == (1, 2)


def test_a_key_that_was_made_for_another_tenancy_or_by_nobody_is_refused_and_what_lies_there_deleted(
    tenant: Browser, own_tenancy: SimpleNamespace
) -> None:
    repair, sent = report(tenant), plain()
    key = ask(tenant, repair, sent).json["fields"]["key"]
    theirs = add_tenancy("LH10002", "P10002").tenancy_id
    for wrong in (
        key.replace(own_tenancy.tenancy_id, theirs),
        key.replace(repair["repair_id"], ids.new_id(clock.now())),
        key.replace("/1/", "/2/"),
        key[:-1] + ("0" if key[-1] != "0" else "1"),
        f"{key}/x",
        "incoming/x",
    ):
        assert send(wrong, sent) == "not_waited_for", wrong
    assert (kept(), [p["state"] for p in photos(tenant, repair)]) == (set(), ["checking"])


def test_nothing_is_added_to_a_finished_repair_or_an_ended_tenancy_and_what_is_there_is_still_seen(
    tenant: Browser,
) -> None:
    repair = report(tenant)
    add(tenant, repair, plain())
    tenant.call("repairs", "POST", f"/api/repairs/{repair['repair_id']}/cancel", {})
    refused = ask(tenant, repair)
    assert (refused.status, refused.json["type"]) == (409, "/problems/repair-finished")
    assert [p["state"] for p in photos(tenant, repair)] == ["shown"]


def test_who_comes_second_for_a_place_takes_the_next_one(tenant: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both read before either wrote: the place is taken by a condition."""
    repair, free = report(tenant), service._free
    second: list[Reply] = []

    def meanwhile(places: Any) -> list[int]:
        monkeypatch.setattr(service, "_free", free)
        second.append(ask(tenant, repair))
        return free(places)

    monkeypatch.setattr(service, "_free", meanwhile)
    first = ask(tenant, repair)
    assert (first.status, second[0].status) == (201, 201)
    assert sorted(r.json["fields"]["key"].split("/")[3] for r in (first, second[0])) == ["1", "2"]


def test_a_place_that_expired_is_no_longer_waited_for_though_it_is_still_in_the_table(
    tenant: Browser, own_tenancy: SimpleNamespace, noon: Any
) -> None:
    repair, sent = report(tenant), plain()
    key = ask(tenant, repair, sent).json["fields"]["key"]
    noon.shift(rules.PLACE_KEPT + timedelta(seconds=1))
    assert send(key, sent) == "not_waited_for"
    assert PhotoItem.get(f"TENANCY#{own_tenancy.tenancy_id}", f"PHOTO#{repair['repair_id']}#1").state == "checking"


def test_a_photo_is_listed_as_long_as_its_pictures_are_kept(tenant: Browser, own_tenancy: SimpleNamespace) -> None:
    repair = report(tenant)
    add(tenant, repair, plain())
    item = PhotoItem.get(f"TENANCY#{own_tenancy.tenancy_id}", f"PHOTO#{repair['repair_id']}#1")
    assert item.is_live(clock.now() + timedelta(days=730, seconds=-1))
    assert not item.is_live(clock.now() + timedelta(days=730))


def test_nothing_of_a_photo_is_logged(
    tenant: Browser, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    repair, sent = report(tenant), with_metadata("image/jpeg")
    add(tenant, repair, sent)
    add(tenant, repair, SECRET.encode())
    photos(tenant, repair)
    logged = "".join([*capsys.readouterr(), *(str(record.__dict__) for record in caplog.records)])
    assert "became" in logged
    assert SECRET not in logged
    assert "Signature" not in logged
