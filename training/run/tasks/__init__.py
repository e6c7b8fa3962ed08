"""The tasks that a net is trained and scored for: Lightning modules that know neither data sets nor files."""
