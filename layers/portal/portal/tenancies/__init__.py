"""The landlord's record of tenancies and the people named on them."""
