"""MantisBT states $g_hostname and its like in config/config_inc.php (before 1.3: config_inc.php).

Its tables are named <prefix>_bug_table and so on. https://mantisbt.org/docs/master/en-US/Admin_Guide/html-desktop/
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "mantisbt",
    ("config/config_inc.php", "config_inc.php"),
    rb"\$g_database_name\b",
    {
        "driver": "var g_db_type",
        "host": "var g_hostname",
        "port": "var g_db_port",
        "database": "var g_database_name",
        "user": "var g_db_username",
        "password": "var g_db_password",
    },
)

MANTISBT = CONFIG.detector("core.php", "bug_report_page.php")
