-- Whether a call found no buyer. Goes into a condition of a query on calls.
    (status LIKE 'no-buyer%' OR disposition_name = 'No Buyer')
