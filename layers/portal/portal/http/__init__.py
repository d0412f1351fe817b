"""The one way in and out: routes, problem details, sessions, headers."""
