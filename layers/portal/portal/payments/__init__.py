"""Payments: a tenant's attempt to pay, the provider that takes the money, and the one transaction it becomes."""
