"""Sending what the outbox holds: each mail is claimed by a lease, sent, and deleted; what fails is tried again later.

Nothing here fails the stream's batch for the email service's sake: the sweep every five minutes goes on with what
was not sent, until the mail has no use any more.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from email.utils import formataddr, parseaddr

from portal import aws, store
from portal.brand import landlord
from portal.identity import service as identity
from portal.identity.service import Recipient
from portal.mail import letters, rules
from portal.mail.store import MAIL_PK, MailItem
from portal.observe import count, logger
from portal.settings import setting


def send_written(mail_ids: Iterable[str], now: Callable[[], datetime]) -> None:
    """Send the mails with these sort keys, as the stream told of them."""
    for sk in mail_ids:
        _send(MailItem(pk=MAIL_PK, sk=sk), now())


def sweep(now: Callable[[], datetime], has_time: Callable[[], bool]) -> int:
    """Send every mail that is due, while `has_time`; gives how many were tried.

    Counts as metrics how many still wait and for how many seconds the oldest has.
    """
    at = now()
    waiting = list(store.query(MailItem, MAIL_PK, at))
    count("MailWaiting", number=len(waiting))
    oldest = min((mail.asked_at for mail in waiting), default=at)
    count("MailOldestSeconds", number=int((at - oldest).total_seconds()))
    tried = 0
    for mail in waiting:
        if not has_time():
            break
        if mail.next_try_at <= at and (mail.leased_until is None or mail.leased_until <= at):
            _send(mail, now())
            tried += 1
    return tried


def _send(mail: MailItem, at: datetime) -> None:
    claimed = _claim(mail, at)
    if claimed is None:
        return
    try:
        recipient = identity.recipient(claimed.to, claimed.kind, at)
        if recipient is not None:
            _hand_over(claimed, recipient)
            count("MailSent")
    except Exception as error:  # whatever is wrong with one mail, the next one goes out
        _put_off(claimed, error, at)
        return
    store.transact(store.Delete(claimed))


def _claim(mail: MailItem, at: datetime) -> MailItem | None:
    """The mail, if it is due and nobody else sends it at this moment."""
    free = MailItem.leased_until.does_not_exist() | (MailItem.leased_until <= at)
    actions = [MailItem.leased_until.set(at + rules.LEASE), MailItem.tries.add(1)]
    condition = MailItem.live(at) & free & (MailItem.next_try_at <= at)
    try:
        store.transact(store.Update(mail, actions, condition))
    except store.Refused:
        return None
    (claimed,) = store.fetch([MailItem.key(mail.pk, mail.sk)], at)
    return claimed  # type: ignore[no-any-return]


def _hand_over(mail: MailItem, recipient: Recipient) -> None:
    message = letters.written(mail.kind, mail.about, secret=recipient.secret, site=setting("SITE_ORIGIN"))
    utf8 = "UTF-8"
    aws.client("sesv2").send_email(
        FromEmailAddress=_sender(),
        Destination={"ToAddresses": [recipient.email]},
        Content={
            "Simple": {
                "Subject": {"Data": message.subject, "Charset": utf8},
                "Body": {
                    "Text": {"Data": message.text, "Charset": utf8},
                    "Html": {"Data": message.html, "Charset": utf8},
                },
            }
        },
    )


def _sender() -> str:
    """The verified address, under the landlord's name."""
    name, address = parseaddr(setting("MAIL_FROM"))
    return formataddr((name or landlord()["email"]["sender_name"], address))


def _put_off(mail: MailItem, error: Exception, at: datetime) -> None:
    logger.warning("mail put off", kind=mail.kind, tries=int(mail.tries), fault=type(error).__name__)
    count("MailDelayed")
    later = MailItem.next_try_at.set(rules.next_try(int(mail.tries), at))
    store.transact(store.Update(mail, [later, MailItem.leased_until.remove()], MailItem.pk.exists()))
