"""Alerts kept and acknowledged; backups made and put back."""
