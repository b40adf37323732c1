"""Structured logs: one JSON object a line on standard error: standard output is for what commands answer."""

from __future__ import annotations

from typing import Any

import structlog


def logs(site: str, env: dict[str, Any]) -> dict[str, Any]:
    """Django's LOGGING through structlog; common_apps.audit.logs holds the processors."""
    from common_apps.audit.logs import shared_processors, to_json

    structlog.configure(
        processors=[*shared_processors(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    return {
        "LOG_LEVEL": env["LOG_LEVEL"],
        "LOGGING": {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "json": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, to_json],
                    "foreign_pre_chain": shared_processors(),
                }
            },
            "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
            "root": {"handlers": ["console"], "level": env["LOG_LEVEL"]},
            "loggers": {
                "django": {"level": "INFO", "propagate": True},
                "django.request": {"level": "ERROR", "propagate": True},
                "elastic_transport": {"level": "WARNING"},
                "axes": {"level": "WARNING"},
            },
        },
    }
