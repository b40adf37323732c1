"""A fifth of each page of query_results stays free: a change of delivery between two waits then stays on its row's page, and touches
no index.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("execution", "0001_initial")]
    operations = [
        migrations.RunSQL("ALTER TABLE query_results SET (fillfactor = 80)", "ALTER TABLE query_results RESET (fillfactor)")
    ]
