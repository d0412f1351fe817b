"""Appointments: when somebody comes to mend, out of the places that the landlord offers for a trade and a day."""
