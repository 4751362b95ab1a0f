-- One row per day and traffic source. It shows how each source did. The row without a source has the calls of
-- none.
-- party: traffic_source
${performance}
