"""The request site. Importing it binds shared tasks to its Celery application."""

from request_site.celery import app as celery_app

__all__ = ["celery_app"]
