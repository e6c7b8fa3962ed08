"""The backend that needs nothing but torch's operations: the equations, run in Python step by step."""
