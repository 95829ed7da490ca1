"""Adapters from folders of images and masks to training and test samples."""
