"""The request site's settings with nothing but the bare view."""

from request_site.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "bench.bare.apps.BareConfig"]  # noqa: F405
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]  # for Content-Length
ROOT_URLCONF = "bench.bare.urls"
WSGI_APPLICATION = "bench.bare.wsgi.application"
