"""What a newer version does to a database that this one cannot use any more then."""

import sqlite3
import sys

connection = sqlite3.connect(sys.argv[1])
connection.execute("UPDATE alembic_version SET version_num = '9999_needs_9999'")
connection.commit()
connection.close()
