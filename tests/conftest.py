"""What every test stands on: an environment like the functions', on AWS that is moto's."""

import os
from pathlib import Path

os.environ |= {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "eu-west-2",
    "AWS_REGION": "eu-west-2",
    "TENANCIES_TABLE": "tenancies",
    "IDENTITY_TABLE": "identity",
    "RENT_TABLE": "rent",
    "REPAIRS_TABLE": "repairs",
    "OUTBOX_TABLE": "outbox",
    "AUDIT_TABLE": "audit",
    "KEYS_SECRET_ARN": "portal-keys",
    "SANDBOX_SECRET_ARN": "portal-sandbox",
    "WAITING_SECRET_ARN": "portal-waiting",
    "STRIPE_SECRET_ARN": "portal-stripe",
    "EXCHANGE_BUCKET": "portal-exchange",
    "PHOTO_RETENTION_DAYS": "730",
    "PHOTO_BUCKET": "portal-photos",
    "LANDLORD_BUS": "portal-landlord",
    "SITE_ORIGIN": "http://localhost:8000",
    "ORIGIN_SECRET": "the-origin-secret",
    "ORIGIN_SECRET_BEFORE": "",
    "MAIL_FROM": "Larkfield Homes <customer@larkfield-homes.example>",
    "PAYMENT_PROVIDER": "sandbox",
    "BRAND_FILE": str(Path(__file__).parents[1] / "brand" / "demo.toml"),
    "LIMITS_FACTOR": "1",
    "POWERTOOLS_SERVICE_NAME": "portal-tests",
    "POWERTOOLS_METRICS_NAMESPACE": "Portal",
    "POWERTOOLS_LOG_LEVEL": "INFO",
    # Set so, botocore finds no settings of whoever runs the tests.
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


def pytest_sessionfinish() -> None:
    from tests import recorder

    recorder.leave_recorded()
