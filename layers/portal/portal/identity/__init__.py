"""Who may come in: registrations, codes, passwords, sessions."""
