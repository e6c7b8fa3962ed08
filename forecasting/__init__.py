"""How good a forecast is and why: errors, baselines, tests against persistence, feature importance, Figure 7."""
