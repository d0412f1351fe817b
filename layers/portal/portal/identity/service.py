"""What other domains ask of identity."""

from portal import store
from portal.identity import store as identity
from portal.identity.recipients import Recipient, notices, recipient

__all__ = ["Recipient", "key_of_customer", "notices", "recipient"]


def key_of_customer(customer_id: str) -> store.Key:
    """Where the customer is, to be read in the same call as something else; its `email` is the log-in's."""
    return identity.customer_key(customer_id)
