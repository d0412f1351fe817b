"""The map of the site: which pages there are, what each is called and which module it runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """One page of the site.

    Attributes:
        address: where it stands, beginning and ending in `/`; or a file name such as `404.html`.
        title: what its tab says before the portal's name.
        area: `public` works with script off; `member` needs somebody who has logged in.
        section: which entry of the members' navigation is marked, where there is one.
        script: the module of `scripts/pages/` that it runs; without one it runs `public` or nothing.
    """

    address: str
    title: str
    area: str = "public"
    section: str = ""
    script: str = ""

    @property
    def template(self) -> str:
        """The template's path under `templates/pages/`."""
        if self.address.endswith(".html"):
            return self.address
        return f"{self.address.strip('/') or 'index'}.html"

    @property
    def file(self) -> str:
        """The written file's path under the site's root."""
        return f"{self.address}index.html".lstrip("/") if self.address.endswith("/") else self.address


PAGES: tuple[Page, ...] = (
    Page("/", "Welcome"),
    Page("/register/", "Register", script="register"),
    Page("/register/waiting/", "Keep trying for me", script="waiting"),
    Page("/verify/", "Enter your code", script="verify"),
    Page("/login/", "Log in", script="login"),
    Page("/reset/", "Forgot your password", script="reset"),
    Page("/new-password/", "Choose a new password", script="new-password"),
    Page("/home/", "Home", "member", "home", "home"),
    Page("/rent/", "Your rent", "member", "rent", "rent"),
    Page("/rent/transactions/", "Charges and payments", "member", "rent", "transactions"),
    Page("/rent/statement/", "Statement", "member", "rent", "statement"),
    Page("/rent/calendar/", "Your rent year", "member", "rent", "rent-calendar"),
    Page("/pay/", "Pay", "member", "rent", "pay"),
    Page("/pay/done/", "Your payment", "member", "rent", "pay-done"),
    Page("/pay/history/", "Payments made here", "member", "rent", "pay-history"),
    Page("/pay/regular/", "Pay regularly", "member", "rent", "pay-regular"),
    Page("/pay/help/", "When money is short", script="pay-help"),
    Page("/repairs/", "Your repairs", "member", "repairs", "repairs"),
    Page("/repairs/report/", "Report a repair", "member", "repairs", "repair-report"),
    Page("/repairs/repair/", "One repair", "member", "repairs", "repair"),
    Page("/repairs/visit/", "When we come", "member", "repairs", "repair-visit"),
    Page("/household/", "Who lives with you", "member", "household", "household"),
    Page("/contact/", "How to reach you", "member", "contact", "contact"),
    Page("/settings/", "Settings", "member", "settings", "settings"),
    Page("/help/", "Help"),
    Page("/help/registration/", "Help with registration"),
    Page("/help/logging-in/", "Help with logging in"),
    Page("/help/shared-computer/", "Using a shared computer"),
    Page("/help/about/", "What this portal is"),
    Page("/help/your-data/", "How we use your data"),
    Page("/privacy/", "Privacy"),
    Page("/cookies/", "Cookies"),
    Page("/accessibility/", "Accessibility"),
    Page("404.html", "Page not found"),
    Page("error.html", "Something went wrong"),
    Page("closed.html", "Closed for now"),
)
