"""ASGI entry: uvicorn response_site.asgi:application."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "response_site.settings")
application = get_asgi_application()
