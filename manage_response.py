#!/usr/bin/env python3
"""Commands of the response site."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "response_site.settings")
    execute_from_command_line(sys.argv)
