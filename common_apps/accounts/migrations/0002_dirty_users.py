"""Marks a user dirty when a replicated column changes. last_login, synced_at and the marks themselves don't count."""

from django.db import migrations

REPLICATED = (
    "id",
    "username",
    "email",
    "hashed_password",
    "full_name",
    "role",
    "profile_type",
    "overrides",
    "rate_limit_per_minute",
    "rate_limit_per_hour",
    "rate_limit_per_day",
    "priority",
    "is_active",
    "deleted_at",
)
OLD = ", ".join(f"OLD.{column}" for column in REPLICATED)
NEW = ", ".join(f"NEW.{column}" for column in REPLICATED)

TRIGGERS = f"""
CREATE FUNCTION airferry_mark_user_dirty() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.dirty := true;
    RETURN NEW;
END $$;
CREATE TRIGGER users_dirty_changed BEFORE UPDATE ON users
    FOR EACH ROW WHEN (ROW({OLD}) IS DISTINCT FROM ROW({NEW}))
    EXECUTE FUNCTION airferry_mark_user_dirty();
"""

REVERSE = "DROP FUNCTION airferry_mark_user_dirty() CASCADE;"


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [migrations.RunSQL(TRIGGERS, REVERSE)]
