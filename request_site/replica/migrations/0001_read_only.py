"""users and profile_types are read-only here. The import of their streams lifts this for its own transaction.

A later migration that writes rows of these tables starts with `SET LOCAL airferry.replica_import = 'on'`.
"""

from django.db import migrations

FUNCTION = """
CREATE FUNCTION airferry_replica_read_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('airferry.replica_import', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION '% is a replica of the response site, and read-only here: % refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'RO001', HINT = 'Change it on the response site; the next carry brings it here.';
END $$;
"""

# A trigger per statement: it costs nothing per row, fires for COPY and ON CONFLICT too, and its NULL says nothing.
TRIGGERS = "".join(
    f"""
CREATE TRIGGER {table}_replica_read_only BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION airferry_replica_read_only();
"""
    for table in ("users", "profile_types")
)

REVERSE = "DROP FUNCTION airferry_replica_read_only() CASCADE;"


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_dirty_users")]
    operations = [migrations.RunSQL(FUNCTION + TRIGGERS, REVERSE)]
