"""An app without migrations, installed by bench.bare.settings alone."""

from django.apps import AppConfig


class BareConfig(AppConfig):
    """Its one table is made by `migrate --run-syncdb`."""

    name = "bench.bare"
    label = "bench_bare"
    default_auto_field = "django.db.models.BigAutoField"
