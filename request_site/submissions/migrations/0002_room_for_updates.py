"""A fifth of each page of requests stays free: a change of status between two waits then stays on its row's page, and touches
no index.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("submissions", "0001_initial")]
    operations = [
        migrations.RunSQL("ALTER TABLE requests SET (fillfactor = 80)", "ALTER TABLE requests RESET (fillfactor)")
    ]
