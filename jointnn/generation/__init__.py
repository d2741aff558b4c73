"""How good generated images are: features of images, and what is measured between sets of features."""
