"""A family small enough to read in a minute, built with what any third party has."""
