"""The model of the station: bundle, preprocessing, the interpreter, the detector, and its evaluation."""
