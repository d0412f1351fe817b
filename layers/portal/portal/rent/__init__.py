"""Rent accounts and their transactions: posted once, never changed, the balance always their sum."""
