"""Training: the only package that needs PyTorch (extra ``train``); never imported at run time."""
