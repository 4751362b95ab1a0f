-- One row per day and offer. It shows how each offer did. The row without an offer has all other calls.
-- party: offer
${performance}
