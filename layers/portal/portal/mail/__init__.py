"""Email: the outbox that other domains write to in their own transactions, and what sends from it."""
