"""What the lake promises: days replaced whole, and views that open anywhere."""
