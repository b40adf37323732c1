"""Apps, middleware, templates, static files, languages: what Django itself needs."""

from __future__ import annotations

from typing import Any

from common_apps.conf.environment import ROOT

APPS = [
    # Before Django's own, so that its createsuperuser and changepassword are ours, which refuse.
    "common_apps.accounts",
    "common_apps.accounts.apps.SiteAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "axes",
    "csp",
    "django_structlog",
    "common_apps.core",
    "common_apps.audit",
    "common_apps.transfer",
    "common_apps.queries",
    "common_apps.operations",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "common_apps.core.middleware.SlashMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "common_apps.core.middleware.LogMiddleware",
    "common_apps.core.middleware.ProblemMiddleware",
    "axes.middleware.AxesMiddleware",
]


# The way of one answer, told on the front page: which site each step happens on.
WAY = [
    ("request", "A question is asked here, checked at once, and waits with the others."),
    ("request", "Questions are sealed into a bundle: encrypted for the response site, signed by this one."),
    ("carry", "A person carries the bundle across the gap."),
    ("response", "The response site verifies it, asks the search engine, and seals the answers."),
    ("carry", "A person carries the answers back."),
    ("request", "The answers are verified, stored, and read by whoever asked."),
]


def application(site: str, env: dict[str, Any]) -> dict[str, Any]:
    """Settings that name what is installed; the site adds its own apps to INSTALLED_APPS."""
    return {
        "SITE": site,
        "SITE_STEPS": [{"text": text, "here": where == site} for where, text in WAY],
        "PEER": "response" if site == "request" else "request",
        "ROOT_URLCONF": f"{site}_site.urls",
        "WSGI_APPLICATION": f"{site}_site.wsgi.application",
        "ASGI_APPLICATION": f"{site}_site.asgi.application",
        "MIDDLEWARE": list(MIDDLEWARE),
        "TEMPLATES": [
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "DIRS": [ROOT / "templates"],
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                        "common_apps.core.context.site",
                    ]
                },
            }
        ],
        "STATIC_URL": "static/",
        "STATICFILES_DIRS": [ROOT / "static"],
        # Served by whitenoise straight from the apps: no collectstatic step that an operator could forget.
        "WHITENOISE_USE_FINDERS": True,
        "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
        "USE_TZ": True,
        "TIME_ZONE": "UTC",
        "LANGUAGE_CODE": "en",
        "LANGUAGES": [("en", "English"), ("fa", "فارسی")],
        "LOCALE_PATHS": [ROOT / "locale"],
        "FORMAT_MODULE_PATH": "common_apps.conf.formats",
        "DATA_UPLOAD_MAX_MEMORY_SIZE": 2 * 1024 * 1024,
    }
