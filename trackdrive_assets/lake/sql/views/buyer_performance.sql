-- One row per day and buyer. It shows how each buyer did. The row without a buyer has all other calls.
-- party: buyer
${performance}
