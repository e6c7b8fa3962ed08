"""Series of the user's own: read from a CSV file or from Yahoo, put on a regular calendar, cut into windows."""
