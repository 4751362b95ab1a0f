-- Every duration of a call, in seconds.
    total_duration,
    hold_duration,
    ivr_duration,
    attempted_duration,
    answered_duration,
    agent_duration
