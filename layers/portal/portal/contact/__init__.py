"""How to reach a customer, and who lives in the home: what tenants themselves keep right."""
