"""What an account's API is like: a few small requests, and a finding for each thing that they settle.

`requests.py` sends the requests. The probes are pure functions from the replies to a finding, listed in
`probes.py`. `lake_access.py` looks at the lake. Nothing here needs Dagster or a terminal.
"""
