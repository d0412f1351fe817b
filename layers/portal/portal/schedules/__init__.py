"""Regular payments: an amount and a day, taken from a saved card, told of before and after."""
