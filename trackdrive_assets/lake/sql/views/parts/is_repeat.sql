-- Whether the buyer or the traffic source had the caller before; null where nobody says. Goes into a query on calls.
    coalesce(
        buyer_repeat_caller OR traffic_source_repeat_caller,
        buyer_repeat_caller,
        traffic_source_repeat_caller
    )
