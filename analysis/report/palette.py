"""Okabe and Ito's colours, which people with any colour vision can tell apart; their yellow is too pale on white."""

BLACK = "#000000"
ORANGE = "#E69F00"
SKY = "#56B4E9"
GREEN = "#009E73"
BLUE = "#0072B2"
VERMILLION = "#D55E00"
PURPLE = "#CC79A7"

GREY, PALE = "#666666", "#dddddd"
