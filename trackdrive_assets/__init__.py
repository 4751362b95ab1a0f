"""Trackdrive calls, reports and statistics as daily Dagster assets, Parquet files and DuckDB views.

Importing this package opens no file and no socket. What people import lives one level down:
`resources.TrackdriveResource`, `definitions.build_definitions`, `api.client.Client`.
"""

import logging

# Who uses the package as a library hears of a retry when he asks to, by a logger of his own.
logging.getLogger(__name__).addHandler(logging.NullHandler())
