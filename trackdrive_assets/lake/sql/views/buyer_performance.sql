-- One row per day and buyer. It shows how each buyer did. The row without a buyer has the calls that reached
-- none.
-- party: buyer
${performance}
