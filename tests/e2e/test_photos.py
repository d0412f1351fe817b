"""Photos of repairs on the local stack: S3 holds a form to what was signed, and six places are six."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.e2e.conftest import NewTenant
from tests.e2e.tenant import Tenant
from tests.pictures import EXECUTABLE, SECRET, plain, with_metadata

CHECKED_SECONDS = 60


def post(form: dict[str, Any], content: bytes, **changed: str) -> int:
    """Send the form as a browser would, with some fields changed; S3's status."""
    boundary = "----photo"
    fields = form["fields"] | changed
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items()]
    parts.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="blob"\r\n'
        f"Content-Type: {fields['Content-Type']}\r\n\r\n"
    )
    body = "".join(parts).encode() + content + f"\r\n--{boundary}--\r\n".encode()
    request = urllib.request.Request(form["url"], body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


def fetched(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=30) as answer:
        content: bytes = answer.read()
    return content


def checked(tenant: Tenant, path: str) -> list[dict[str, Any]]:
    """The photos once none is being checked any more."""
    deadline = time.monotonic() + CHECKED_SECONDS
    while time.monotonic() < deadline:
        photos: list[dict[str, Any]] = tenant.call("GET", path).json["photos"]
        if all(photo["state"] != "checking" for photo in photos):
            return photos
        time.sleep(0.5)
    raise AssertionError("a picture was not judged within a minute")


def test_a_photo_goes_straight_to_s3_and_comes_back_without_what_it_told_and_six_at_once_are_never_seven(
    new_tenant: NewTenant,
) -> None:
    tenant = new_tenant().come_in()
    report = {"item_id": "kitchen-tap-drips"}
    repair = tenant.call("POST", "/api/repairs", report, status=201).json
    path = f"/api/repairs/{repair['repair_id']}/photos"

    sent = with_metadata("image/jpeg")
    ask = {"content_type": "image/jpeg", "size": len(sent)}
    form = tenant.call("POST", path, ask, status=201).json
    other = form["fields"]["key"].replace(form["photo_id"], "0" * 26)
    assert post(form, sent, key=other) == 403, "another key than was signed"
    assert post(form, sent, **{"Content-Type": "text/html"}) == 403, "another type"
    assert post(form, sent + b"x") in {400, 403}, "another size"
    assert post(form, sent) == 204
    (photo,) = checked(tenant, path)
    assert photo["state"] == "shown"
    for address in (photo["url"], photo["small_url"]):
        content = fetched(address)
        assert content.startswith(b"\xff\xd8")
        assert SECRET.encode() not in content

    form = tenant.call("POST", path, ask | {"size": len(EXECUTABLE)}, status=201).json
    assert post(form, EXECUTABLE) == 204
    refused = checked(tenant, path)[-1]
    assert (refused["state"], refused["url"]) == ("refused", None)

    tenant.call("DELETE", f"{path}/{photo['photo_id']}", status=204)
    small = plain(size=(64, 48))
    asking = {"content_type": "image/jpeg", "size": len(small)}
    with ThreadPoolExecutor(12) as pool:
        replies = list(pool.map(lambda _: tenant.call("POST", path, asking, status=(201, 409)), range(12)))
    assert sorted(reply.status for reply in replies) == [201] * 6 + [409] * 6
    places = {reply.json["fields"]["key"].split("/")[3] for reply in replies if reply.status == 201}
    assert places == {"1", "2", "3", "4", "5", "6"}
