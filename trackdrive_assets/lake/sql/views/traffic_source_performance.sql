-- One row per day and traffic source: how each source did. The row without a source has the other calls.
-- party: traffic_source
${performance}
