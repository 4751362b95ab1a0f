-- One row per day and traffic source. It shows how each source did. The row without one has all other calls.
-- party: traffic_source
${performance}
