"""The report about some days of the lake: one static HTML page."""
