"""Answers of the API that the pages are tried against in a browser, in the shapes that the functions give."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

Reply = dict[str, Any]
Replies = dict[str, Reply | Callable[[Any], Reply]]


def moment(**ago: int) -> str:
    """An instant so long ago."""
    return (datetime.now(UTC) - timedelta(**ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


def ok(body: Any, status: int = 200, **headers: str) -> Reply:
    """A success as Playwright fulfils it."""
    return {"status": status, "headers": {"content-type": "application/json", **headers}, "body": json.dumps(body)}


def problem(status: int, slug: str, detail: str = "Words for a tenant.", **members: Any) -> Reply:
    """A problem document (RFC 9457)."""
    headers = members.pop("headers", {})
    body = {"type": f"/problems/{slug}", "title": slug, "status": status, "detail": detail, **members}
    return {
        "status": status,
        "headers": {"content-type": "application/problem+json", **headers},
        "body": json.dumps(body),
    }


HOME = {
    "tenancy_id": "t1",
    "tenancy_reference": "LF100234",
    "address": "12 Elm Road, Aldermere, AL4 2BC",
    "start_date": "2019-04-01",
    "end_date": None,
}
ENDED = {**HOME, "tenancy_id": "t2", "address": "Garage 4, Mill Lane, Aldermere", "end_date": "2026-08-30"}


def logged_in(*tenancies: dict[str, Any], tenancy_id: str = "t1", **changed: Any) -> dict[str, Any]:
    """Who is logged in."""
    return {
        "customer": {
            "customer_id": "c1",
            "first_name": "Amina",
            "last_name": "Okafor",
            "tenancies": list(tenancies) or [HOME],
        },
        "tenancy_id": tenancy_id,
        "password_change_required": False,
        "idle_ends_at": moment(minutes=-15),
        "ends_at": moment(hours=-12),
        **changed,
    }


ACCOUNT = {
    "rent_account_id": "a1",
    "name": "Rent",
    "kind": "home",
    "balance_pence": 12345,
    "as_at": moment(hours=18),
    "payment_reference": "98261234",
    "charge_pence": 10420,
    "charge_frequency": "weekly",
    "next_charge_on": "2026-11-30",
}
GARAGE = {**ACCOUNT, "rent_account_id": "a2", "name": "Garage", "balance_pence": -2000, "next_charge_on": None}

LINES = [
    {
        "transaction_id": f"x{number}",
        "posted_on": f"2026-11-{23 - number:02}",
        "kind": "payment" if number % 2 else "charge",
        "description": "Direct Debit" if number % 2 else "Rent for the week, with a long description",
        "amount_pence": -10420 if number % 2 else 10420,
        "balance_pence": 12345 if number % 2 == 0 else -1925,
    }
    for number in range(12)
]

EXPLANATION = {
    "rent_account_id": "a1",
    "name": "Rent",
    "balance_pence": 12345,
    "balance": "You owe £123.45",
    "as_at": moment(hours=18),
    "charge_inferred": False,
    "sentences": [
        {"about": "balance", "text": "You owe £123.45."},
        {"about": "since", "text": "In the last four weeks: we charged £416.80 and £400.00 was paid."},
        {"about": "arrears", "text": "£19.25 of it is from earlier weeks. If that is hard to pay, talk to us."},
        {"about": "next", "text": "The next charge is £104.20, on Monday 30 November."},
    ],
    "months": [
        {"ends_on": f"2026-{month:02}-28", "charged_pence": 41680, "paid_pence": 40000, "balance_pence": balance}
        for month, balance in enumerate((9000, 5000, -2500, -700, 0, 4000, 8000, 9500, 11000, 12000, 12345), 1)
    ],
}
STATEMENT = {
    "rent_account_id": "a1",
    "reference": "20001-1",
    "name": "Rent",
    "tenancy_reference": "LF100234",
    "tenant": ["Ms Amina Okafor", "12 Elm Road", "Aldermere", "AL4 2BC"],
    "landlord": ["Larkfield Homes", "1 Orchard Court", "Aldermere", "AL9 9XX"],
    "from": "2026-08-24",
    "to": "2026-11-24",
    "opening_pence": -1925,
    "transactions": LINES[::-1],
    "closing_pence": 12345,
    "made_at": moment(),
}
CALENDAR = {
    "rent_account_id": "a1",
    "name": "Rent",
    "balance_pence": 12345,
    "charge_pence": 10420,
    "charge_frequency": "weekly",
    "next_charge_on": "2026-11-30",
    "inferred": False,
    "year": {
        "starts_on": "2026-04-06",
        "ends_on": "2027-04-04",
        "weeks": 52,
        "charged_weeks": 51,
        "free_weeks": ["2026-12-21"],
        "inferred": False,
        "periods": [
            {"charged_on": "2026-04-06", "ends_on": "2026-04-12", "charge_pence": 10420},
            {"charged_on": "2026-12-21", "ends_on": "2026-12-27", "charge_pence": 0},
            {"charged_on": "2027-03-29", "ends_on": "2027-04-04", "charge_pence": 10420},
        ],
        "total_pence": 531420,
        "for_the_year": [{"every": "month", "amount_pence": 44285, "payments": None}],
        "from_today": [{"every": "week", "amount_pence": 10987, "payments": 19}],
        "universal_credit_pence": 44285,
        "extra_charge": None,
    },
}
LONG_YEAR = {
    **CALENDAR,
    "inferred": True,
    "year": {
        **CALENDAR["year"],  # type: ignore[dict-item]
        "extra_charge": {
            "number": 53,
            "begins_on": "2027-03-29",
            "amount_pence": 10420,
            "text": "The rent year that ends after Monday 29 March 2027 has 53 weeks. That is £104.20 more.",
        },
    },
}
NO_YEAR = {**CALENDAR, "charge_pence": None, "charge_frequency": None, "next_charge_on": None, "year": None}

DANGER = {"call": "emergency", "name": "Emergency repairs", "phone": None, "text": "Keep away from the wires."}
CATALOGUE = {
    "items": [
        {
            "item_id": "kitchen-tap-drips",
            "place": "Kitchen",
            "object": "Tap",
            "problem": "It drips",
            "priority": "routine",
            "responsibility": "landlord",
            "advice": None,
            "photo": "Show where the water comes out.",
            "danger": None,
            "questions": [
                {
                    "question_id": "which",
                    "text": "Which tap is it?",
                    "answers": [
                        {"answer_id": "hot", "text": "Hot"},
                        {"answer_id": "wires", "text": "It drips on wires", "danger": DANGER},
                    ],
                }
            ],
        },
        {
            "item_id": "kitchen-tap-runs",
            "place": "Kitchen",
            "object": "Tap",
            "problem": "Cannot be turned off",
            "priority": "urgent",
            "responsibility": "landlord",
            "advice": None,
            "photo": "Show where the water comes out.",
            "danger": None,
            "questions": [],
        },
        {
            "item_id": "kitchen-wires",
            "place": "Kitchen",
            "object": "Electrics",
            "problem": "Bare wires",
            "priority": "emergency",
            "responsibility": "landlord",
            "advice": "Turn the electricity off at the fuse box.",
            "photo": "Ring first.",
            "danger": DANGER,
            "questions": [],
        },
        {
            "item_id": "home-bulb",
            "place": "Whole home",
            "object": "Light",
            "problem": "A bulb has gone",
            "priority": "routine",
            "responsibility": "tenant",
            "advice": "You can change a bulb yourself.",
            "photo": "One of the whole thing.",
            "danger": None,
            "questions": [],
        },
    ]
}

REPAIR = {
    "repair_id": "r1",
    "reference": "R-7KP241",
    "item_id": "kitchen-tap-drips",
    "place": "Kitchen",
    "object": "Tap",
    "problem": "It drips",
    "description": "Drips all night.",
    "access_notes": "Ring the top bell",
    "answers": [{"question_id": "which", "text": "Which tap is it?", "answer_id": "hot", "answer": "Hot"}],
    "priority": "routine",
    "status": "reported",
    "reported_at": moment(days=2),
    "due_at": "2026-12-21T23:59:59Z",
    "completed_on": None,
    "danger": None,
    "advice": None,
    "next_step": "Choose when we come, or we will ring you to arrange a time. You can follow it here.",
    "appointment": None,
    "events": [{"at": moment(days=2), "event": "reported", "note": None}],
    "rating": None,
    "rating_comment": None,
    "can_reopen": False,
    "duties": [
        {
            "duty": "investigate",
            "due_at": "2026-11-08T23:59:59Z",
            "at_the_latest": None,
            "state": "missed",
            "met_at": None,
            "entitled": "The law gave us until then to look into it. Ring us.",
        },
        {
            "duty": "begin_works",
            "due_at": None,
            "at_the_latest": "2027-02-08T23:59:59Z",
            "state": "waiting",
            "met_at": None,
            "entitled": None,
        },
    ],
    "summary": {
        "sent_at": moment(days=1),
        "hazard": "Mould",
        "action": "Clean it and fit a fan",
        "start_by": "2026-12-04",
        "finish_by": None,
        "text": "Ring us if it comes back.",
    },
}
NOTE = {"at": moment(minutes=1), "event": "note_added", "note": "It is worse at night"}
SLOTS = [
    {
        "slot_id": f"{day}.{period}", "date": day, "period": period, "starts_at": f"{day}T{hours[0]}:00Z",
        "ends_at": f"{day}T{hours[1]}:00Z",
    }
    for day in ("2026-12-01", "2026-12-02", "2026-12-03", "2026-12-04", "2026-12-22")
    for period, hours in (("morning", ("08:00", "12:00")), ("school_run", ("09:30", "14:30")))
]  # fmt: skip
APPOINTMENT = {
    **SLOTS[0], "access_notes": "Ring the top bell", "vulnerable": True, "communication": None, "pets": "A dog",
    "safe_word": "Lantern",
}  # fmt: skip
OLD_REPAIR = {
    **REPAIR,
    "repair_id": "r3",
    "reference": "WO-55512",
    "place": None,
    "object": None,
    "problem": None,
    "description": "Replace lock on front door",
    "status": "completed",
    "completed_on": "2025-11-03",
    "answers": [],
    "events": [],
    "duties": [],
    "summary": None,
    "can_reopen": True,
}


def payment(status: str, **changed: Any) -> dict[str, Any]:
    """A payment in that state."""
    return {
        "payment_id": "p1",
        "reference": "P2K7M",
        "rent_account_id": "a1",
        "rent_account_name": "Rent",
        "amount_pence": 12345,
        "status": status,
        "created_at": moment(minutes=4),
        "settled_at": None,
        "paid_on": "2026-11-24" if status in {"succeeded", "refunded", "disputed", "dispute_won"} else None,
        "refunded_pence": 12345 if status == "refunded" else 0,
        "checkout_url": "/api/sandbox/checkout/p1" if status in {"created", "pending"} else None,
        **changed,
    }


def regular(status: str, **changed: Any) -> dict[str, Any]:
    """A regular payment in that state."""
    return {
        "schedule_id": "s1",
        "rent_account_id": "a1",
        "rent_account_name": "Rent",
        "amount_pence": 5000,
        "frequency": "weekly",
        "day": "friday",
        "status": status,
        "created_at": moment(days=2),
        "next_due_on": "2026-11-27" if status == "active" else None,
        "failures": 0,
        "stopped_because": {"stopped": "asked", "failed": "failures"}.get(status),
        "checkout_url": "/api/sandbox/card/s1" if status == "awaiting_card" else None,
        **changed,
    }


OFFER = {
    "rent_account_id": "a1",
    "rent_account_name": "Rent",
    "amount_pence": 2000,
    "frequency": "weekly",
    "owed_pence": 12345,
    "offered_at": moment(hours=1),
    "offered_by_you": True,
    "answer_by": "2026-12-01",
    "status": "waiting",
}


MEMBERS = [
    {"member_id": "m1", "name": "Chidi Okafor", "date_of_birth": "2015-03-27", "relationship": "child"},
    {"member_id": "m2", "name": "Grace Adeyemi-Featherstonehaugh", "date_of_birth": None, "relationship": "parent"},
]
CONTACT = {
    "email": "amina.okafor.of.elm.road@mail.example",
    "mobile": "+447700900123",
    "home_phone": None,
    "correspondence_address": None,
    "preferences": {"contact_by": "text", "language": "Somali", "large_print": True},
    "version": 3,
}


SESSIONS = [
    {
        "session_id": f"s{number}",
        "device": device,
        "started_at": moment(hours=number),
        "last_seen_at": moment(minutes=number),
        "current": number == 1,
    }
    for number, device in enumerate(("Chrome on Android", "Firefox on Windows"), 1)
]


PASSKEYS = [
    {"passkey_id": "k1", "name": "Chrome on Android", "added_at": moment(days=40), "last_used_at": moment(hours=2)},
    {"passkey_id": "k2", "name": "Edge on Windows", "added_at": moment(days=1), "last_used_at": None},
]


def usual() -> Replies:
    """What the API answers on a day when all goes well."""
    return {
        "GET /session": ok(logged_in()),
        "GET /balance": ok({"rent_accounts": [ACCOUNT]}),
        "GET /balance/a1/transactions": ok({"transactions": LINES, "next_cursor": "next"}),
        "GET /balance/a1/explanation": ok(EXPLANATION),
        "GET /balance/a1/statement": ok(STATEMENT),
        "GET /balance/a1/calendar": ok(CALENDAR),
        "GET /pay": ok({"payments": [payment("succeeded"), payment("failed")], "next_cursor": None}),
        "GET /pay/p1": ok(payment("succeeded")),
        "GET /pay/schedules": ok({"schedules": [regular("active"), regular("stopped", schedule_id="s2")]}),
        "GET /pay/arrangements": ok({"arrangements": []}),
        "GET /repairs": ok({"repairs": [REPAIR, OLD_REPAIR], "next_cursor": None}),
        "GET /repairs/r1": ok(REPAIR),
        "GET /repairs/r3": ok(OLD_REPAIR),
        "GET /repairs/catalogue": ok(CATALOGUE),
        "POST /repairs": ok(REPAIR, 201),
        "GET /repairs/r1/photos": ok({"photos": []}),
        "GET /repairs/r3/photos": ok({"photos": []}),
        "POST /repairs/r1/notes": ok({**REPAIR, "events": [*REPAIR["events"], NOTE]}),
        "POST /repairs/r1/cancel": ok({**REPAIR, "status": "cancelled", "duties": []}),
        "POST /repairs/r3/reopen": ok({**OLD_REPAIR, "status": "reopened", "can_reopen": False}),
        "POST /repairs/r3/rating": ok({**OLD_REPAIR, "rating": 4}),
        "GET /repairs/r1/slots": ok({"slots": SLOTS}),
        "PUT /repairs/r1/appointment": ok(APPOINTMENT),
        "DELETE /repairs/r1/appointment": ok(None, 204),
        "GET /household": ok({"members": MEMBERS}),
        "POST /household/members": ok(MEMBERS[0], 201),
        "GET /contact": ok(CONTACT, etag='"3"'),
        "PATCH /contact": ok({**CONTACT, "mobile": "+447700900456", "version": 4}, etag='"4"'),
        "GET /sessions": ok({"sessions": SESSIONS}),
        "GET /passkeys": ok({"passkeys": PASSKEYS}),
        "POST /logout": {"status": 204, "body": ""},
    }
