#!/usr/bin/env python3
"""Commands of the request site."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "request_site.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        # It names each setting that is wrong and what it is for; where in the code that was found helps nobody.
        sys.exit(f"Error: {error}")
