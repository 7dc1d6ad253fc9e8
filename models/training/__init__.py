"""Training: the only package that needs PyTorch (extra ``train``); never imported at run time."""

from models.training.library_noise import silence_libraries

silence_libraries()  # before any module of this package imports what would make the noise
