"""What an account's API is like: a few small questions, and what their answers settle.

`asking.py` asks, `findings.py` judges. Both work without Dagster and without a terminal.
"""
