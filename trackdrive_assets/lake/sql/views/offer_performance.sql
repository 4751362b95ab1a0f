-- One row per day and offer. It shows how each offer did. The row without an offer has the calls of none.
-- party: offer
${performance}
