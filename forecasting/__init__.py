"""What a forecast is worth: errors, baselines, tests against "tomorrow = today", weights of the features, Figure 7."""
