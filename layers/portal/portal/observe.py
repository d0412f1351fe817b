"""Logging and metrics, set up once for every function. Neither is ever given personal data or a secret."""

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger(log_uncaught_exceptions=False)
metrics = Metrics()


def count(name: str, *, number: int = 1) -> None:
    """Add `number` to the metric `name`. Written out at the end of the invocation."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=number)


def write_out() -> None:
    """Write the metrics that were counted, where there are any: at the end of each invocation."""
    if metrics.provider.metric_set:
        metrics.flush_metrics()
