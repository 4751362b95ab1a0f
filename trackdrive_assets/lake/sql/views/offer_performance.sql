-- One row per day and offer: how each offer did. The row without an offer has the calls that belong to none.
-- party: offer
${performance}
