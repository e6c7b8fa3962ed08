"""Okabe and Ito's colours, which people with any colour vision tell apart; without the yellow, too pale on white."""

BLACK = "#000000"
ORANGE = "#E69F00"
SKY = "#56B4E9"
GREEN = "#009E73"
BLUE = "#0072B2"
VERMILLION = "#D55E00"
PURPLE = "#CC79A7"

GREY, PALE = "#666666", "#dddddd"
