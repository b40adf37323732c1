"""audit_logs, audit_chain and system_logs take new rows alone. Retention lifts this for its own transaction."""

from django.db import migrations

TABLES = ("audit_logs", "audit_chain", "system_logs")

FUNCTION = """
CREATE FUNCTION airferry_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' AND current_setting('airferry.retention', true) = 'on' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'AF001';
END $$;
"""

TRIGGERS = "".join(
    f"""
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION airferry_append_only();
CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION airferry_append_only();
"""
    for table in TABLES
)

REVERSE = "DROP FUNCTION airferry_append_only() CASCADE;"


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [migrations.RunSQL(FUNCTION + TRIGGERS, REVERSE)]
