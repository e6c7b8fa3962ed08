"""Files of tweets: read in pieces, scored by VADER and averaged by day."""
