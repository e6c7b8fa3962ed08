"""Speed and memory of this project, side by side with what else one would use."""
