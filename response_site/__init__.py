"""The response site. Importing it binds shared tasks to its Celery application."""

from response_site.celery import app as celery_app

__all__ = ["celery_app"]
